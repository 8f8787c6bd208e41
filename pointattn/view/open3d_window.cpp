// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/open3d_window.h"

#include "pointattn/view/pick.h"
#include "pointattn/view/picture.h"
#include "pointattn/view/render.h"

#include <c10/util/Exception.h>

#include <GLFW/glfw3.h>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iostream>
#include <limits>

namespace pointattn::view {
namespace fs = std::filesystem;
namespace {

constexpr double kTurn = 15;                  // degrees an arrow key
constexpr double kThinnest = 0.9;             // radius in pixels that a point has at least
constexpr double kPickRadius = 4;             // pixels that a hand may miss a point by
constexpr int64_t kWhileTurning = 1'000'000;  // points that are drawn while the mouse turns them
constexpr double kLone = 6;                   // radius in pixels of a point that has no neighbours
constexpr int kDivider = 1;                   // pixels between two panels

/// What a key is called in the key table: the letter that it types, whatever the keyboard's layout.
std::string name_of(int key, int scancode, int mods) {
  static const std::map<int, std::string> kNamed = {{GLFW_KEY_LEFT, "left"},
                                                    {GLFW_KEY_RIGHT, "right"},
                                                    {GLFW_KEY_UP, "up"},
                                                    {GLFW_KEY_DOWN, "down"},
                                                    {GLFW_KEY_PAGE_UP, "page up"},
                                                    {GLFW_KEY_PAGE_DOWN, "page down"},
                                                    {GLFW_KEY_ESCAPE, "escape"},
                                                    {GLFW_KEY_KP_ADD, "+"},
                                                    {GLFW_KEY_KP_SUBTRACT, "-"}};
  if (const auto named = kNamed.find(key); named != kNamed.end()) return named->second;
  if (key >= GLFW_KEY_1 && key <= GLFW_KEY_9)
    return std::string(1, static_cast<char>('1' + key - GLFW_KEY_1));
  const char* letter = glfwGetKeyName(key, scancode);
  std::string name = letter ? letter : "";
  if (name == "=") name = "+";
  if ((mods & GLFW_MOD_SHIFT) != 0 && name.size() == 1 && std::islower(name[0]))
    name[0] = static_cast<char>(std::toupper(name[0]));
  return name;
}

/// The first of view.png, view_2.png, … that is not there yet.
fs::path fresh_picture() {
  fs::path path = "view.png";
  for (int number = 2; fs::exists(path); ++number) path = "view_" + std::to_string(number) + ".png";
  return path;
}

/// GLFW calls back through C, which no exception may cross: what goes wrong is said, and the window
/// stays.
void guarded(const std::function<void()>& act) {
  try {
    act();
  } catch (const c10::Error& error) {
    std::cerr << "pointattn: error: " << error.what_without_backtrace() << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "pointattn: error: " << error.what() << std::endl;
  }
}

}  // namespace

Window::Window(const Scene& scene, const ViewOptions& options) : scene_(scene), options_(options) {
  for (const Panel& panel : scene.panels) {
    for (const Coloring& coloring : panel.colorings) {
      if (std::find(colorings_.begin(), colorings_.end(), coloring.name) == colorings_.end())
        colorings_.push_back(coloring.name);
    }
  }
  const auto first = std::find(colorings_.begin(), colorings_.end(), options.by);
  if (first != colorings_.end()) coloring_ = static_cast<size_t>(first - colorings_.begin());
  set_up_keys();
}

void Window::open() {
  const auto refused = [](const std::string& why) {
    TORCH_CHECK(false,
                "no window: ",
                why,
                "; --screenshot OUT.png and --html OUT.html show the same without one");
  };
  if (glfwInit() != GLFW_TRUE) {
    const char* display = std::getenv("DISPLAY");
    refused(display && *display ? "the display '" + std::string(display) + "' cannot be opened"
                                : "there is no display (DISPLAY is not set)");
  }
  int left = 0, top = 0, width = options_.width, height = options_.height;
  if (GLFWmonitor* monitor = glfwGetPrimaryMonitor()) {
    int free_width = width, free_height = height;
    glfwGetMonitorWorkarea(monitor, &left, &top, &free_width, &free_height);
    width = std::min(width, free_width);
    height = std::min(height, free_height);
  }
  if (!CreateVisualizerWindow(options_.title, width, height, left, top))
    refused("the display has no OpenGL 3.3");
  const bool titled = scene_.panels.size() > 1;
  for (const Panel& panel : scene_.panels) panes_.emplace_back(panel, titled ? panel.title : "");
  show_coloring(options_.by);
  const Area shown = cloud_area(0);
  control().begin(fit(scene_, static_cast<double>(shown.width) / shown.height));
  if (options_.camera) control().set_camera(*options_.camera);
}

bool Window::InitViewControl() {
  view_control_ptr_ = std::make_unique<CameraControl>(Camera{}, bounds(scene_));
  return true;
}

void Window::UpdateWindowTitle() {
  const std::string& coloring = by_.empty() ? scene_.panels.front().coloring(by_).name : by_;
  if (window_) glfwSetWindowTitle(window_, (options_.title + " – " + coloring).c_str());
}

Area Window::area(size_t pane) const {
  int width = 1, height = 1;
  glfwGetFramebufferSize(window_, &width, &height);
  const int panes = static_cast<int>(scene_.panels.size()), i = static_cast<int>(pane);
  const int left = width * i / panes, right = width * (i + 1) / panes;
  return {left, 0, std::max(right - left, 1), std::max(height, 1)};
}

Area Window::cloud_area(size_t pane) const {
  // Of one height in all panes, so that one camera shows all clouds equally large.
  int above = 0, below = 0;
  for (const Pane& each : panes_) {
    above = std::max(above, each.above());
    below = std::max(below, each.below());
  }
  const Area all = area(pane);
  return {all.left, below, all.width, std::max(all.height - above - below, 1)};
}

void Window::show_legend(bool shown) {
  legend_ = shown;
  for (Pane& pane : panes_) pane.show_legend(shown);
}

BallSize Window::ball_size() const {
  if (options_.point_size > 0) return {options_.point_size / 2 * enlarged_, 0};
  double world = 0;
  for (const Pane& pane : panes_)
    world = std::max(world, point_radius(pane.panel(), control().start(), cloud_area(0).height));
  return {(world > 0 ? kThinnest : kLone) * std::max(enlarged_, 1.0), world * enlarged_};
}

void Window::Render(bool) {
  glfwMakeContextCurrent(window_);
  glEnable(GL_MULTISAMPLE);
  glDisable(GL_BLEND);
  glClearColor(1, 1, 1, 1);
  glClearDepth(1);
  glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT);
  for (size_t i = 0; i < panes_.size(); ++i) guarded([&] { panes_[i].fit_legend(area(i)); });
  const BallSize size = ball_size();
  const bool turning =
      mouse_control_.is_mouse_left_button_down || mouse_control_.is_mouse_middle_button_down;
  const int64_t most = turning ? kWhileTurning : std::numeric_limits<int64_t>::max();
  for (size_t i = 0; i < panes_.size(); ++i)
    guarded([&] { panes_[i].draw(area(i), cloud_area(i), control(), size, most); });
  glEnable(GL_SCISSOR_TEST);
  glClearColor(0.8F, 0.8F, 0.8F, 1);
  for (size_t i = 1; i < panes_.size(); ++i) {
    const Area right = area(i);
    glScissor(right.left, 0, kDivider, right.height);
    glClear(GL_COLOR_BUFFER_BIT);
  }
  glDisable(GL_SCISSOR_TEST);
  glfwSwapBuffers(window_);
}

void Window::WindowRefreshCallback(GLFWwindow*) {
  // The system asks when a part of the window came to light: whatever it held is lost.
  Render(false);
  is_redraw_required_ = false;
}

void Window::MouseButtonCallback(GLFWwindow* window, int button, int action, int mods) {
  const bool picks = button == GLFW_MOUSE_BUTTON_LEFT && (mods & GLFW_MOD_SHIFT) != 0;
  if (picks && action == GLFW_PRESS) {
    guarded([&] { pick_under_pointer(); });
  } else {
    Visualizer::MouseButtonCallback(window, button, action, mods);
    is_redraw_required_ = true;
  }
}

void Window::KeyPressCallback(GLFWwindow*, int key, int scancode, int action, int mods) {
  if (action == GLFW_RELEASE) return;
  const std::string name = name_of(key, scancode, mods);
  for (const Keys& keys : keys_) {
    const auto found = keys.run.find(name);
    if (found == keys.run.end()) continue;
    guarded(found->second);
    is_redraw_required_ = true;
  }
}

void Window::set_up_keys() {
  const auto turn = [this](double azimuth, double elevation) {
    control().set_camera(orbit(control().camera(), azimuth, elevation));
  };
  const size_t colorings = std::max<size_t>(colorings_.size(), 1);
  Keys numbered{"1 … 9", "colouring:", {}};
  for (size_t i = 0; i < std::min<size_t>(colorings_.size(), 9); ++i) {
    const std::string digit = std::to_string(i + 1);
    numbered.help += (i == 0 ? " " : ", ") + digit + " " + colorings_[i];
    numbered.run[digit] = [this, i] { color_by(i); };
  }
  keys_ = {
      numbered,
      {"c, C",
       "next, previous colouring",
       {{"c", [this, colorings] { color_by((coloring_ + 1) % colorings); }},
        {"C", [this, colorings] { color_by((coloring_ + colorings - 1) % colorings); }}}},
      {"p",
       "what is the point under the pointer (also shift and click): part, confidence, coordinates",
       {{"p", [this] { pick_under_pointer(); }}}},
      {"arrows",
       "turn (also drag; with ctrl or the middle button: move)",
       {{"left", [turn] { turn(-kTurn, 0); }},
        {"right", [turn] { turn(kTurn, 0); }},
        {"up", [turn] { turn(0, kTurn); }},
        {"down", [turn] { turn(0, -kTurn); }}}},
      {"page up, page down",
       "nearer, farther (also the wheel)",
       {{"page up", [this] { control().Scale(1); }},
        {"page down", [this] { control().Scale(-1); }}}},
      {"r", "the view of the beginning", {{"r", [this] { control().Reset(); }}}},
      {"+, -",
       "larger, smaller points",
       {{"+", [this] { enlarged_ *= 1.25; }}, {"-", [this] { enlarged_ /= 1.25; }}}},
      {"g", "legend on or off", {{"g", [this] { show_legend(!legend_); }}}},
      {"v, l",
       "save the view, load it again (" + view_file().string() + ")",
       {{"v",
         [this] {
           save_view(view_file(), control().camera(), scene_);
           std::cerr << view_file().string() << ": view saved" << std::endl;
         }},
        {"l", [this] { control().set_camera(load_view(view_file(), scene_)); }}}},
      {"s", "write a picture of what is seen", {{"s", [this] { write_picture(); }}}},
      {"h", "this help", {{"h", [this] { std::cerr << help() << std::flush; }}}},
      {"q, escape", "close", {{"q", [this] { Close(); }}, {"escape", [this] { Close(); }}}},
  };
}

std::string Window::help() const {
  std::string text = "Keys of the window:\n";
  for (const Keys& keys : keys_) {
    // The ellipsis takes three bytes for one letter.
    const size_t letters = keys.shown.size() - (keys.shown.find("…") == std::string::npos ? 0 : 2);
    text += "  " + keys.shown + std::string(20 - letters, ' ') + keys.help + "\n";
  }
  return text;
}

void Window::color_by(size_t number) {
  if (colorings_.empty()) return;
  coloring_ = number;
  show_coloring(colorings_[number]);
}

void Window::show_coloring(const std::string& name) {
  by_ = name;
  for (size_t i = 0; i < panes_.size(); ++i) {
    panes_[i].color_by(name);
    panes_[i].fit_legend(area(i));
  }
  UpdateWindowTitle();
}

void Window::pick_under_pointer() {
  double x = 0, y = 0;
  glfwGetCursorPos(window_, &x, &y);
  is_redraw_required_ = true;
  const BallSize size = ball_size();
  const int height = area(0).height;
  const double radius =
      std::max(size.pixels, size.world * control().pixels_per_unit(cloud_area(0).height));
  for (size_t i = 0; i < panes_.size(); ++i) {
    const Area part = cloud_area(i);
    const double down = y - (height - part.bottom - part.height);
    std::optional<int64_t> point;
    if (x >= part.left && x < part.left + part.width && down >= 0 && down < part.height) {
      const Pixel pixel{x - part.left, down, 1.0 * part.width, 1.0 * part.height};
      point = pick(panes_[i].panel(), control().camera(), pixel, std::max(radius, kPickRadius));
    }
    panes_[i].mark(point);
    if (!point) continue;
    if (panes_.size() > 1) std::cout << panes_[i].panel().title << "  ";
    std::cout << facts_line(panes_[i].panel(), *point) << std::endl;
  }
}

void Window::write_picture() {
  int width = 1, height = 1;
  glfwGetFramebufferSize(window_, &width, &height);
  PictureOptions options;
  options.by = by_;
  options.width = width;
  options.height = height;
  options.point_size = options_.point_size * enlarged_;
  options.legend = legend_;
  const fs::path path = fresh_picture();
  write_png(path, draw_picture(scene_, {control().camera()}, options));
  std::cerr << path.string() << ": picture written" << std::endl;
}

fs::path Window::view_file() const {
  return options_.save_view.empty() ? fs::path("view.json") : options_.save_view;
}

}  // namespace pointattn::view
