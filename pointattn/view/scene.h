// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"
#include "pointattn/io/cloud.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What is looked at, and nothing of how: windows (viewer.h), pictures (picture.h) and pages
/// (page.h) all show a Scene.
namespace pointattn::view {

/// A thing that has a colour of its own: a part, or right and wrong.
struct LegendEntry {
  std::string name;
  Color color{};
  double share = 0;  ///< of the panel's points, 0..1
  int64_t id = -1;   ///< of the label; −1 where it is none
};

/// Numbers as colours of ramp_color(): `low` and below has its first one, `high` and above its
/// last.
struct Ramp {
  double low = 0;
  double high = 1;
};

/// Explains the colours of a panel: entries, or a ramp, or nothing to explain (own colours).
struct Legend {
  std::string title;                 ///< "Chair", "confidence"
  std::vector<LegendEntry> entries;  ///< only those that occur, by id
  std::optional<Ramp> ramp;
};

/// One way to colour the points of a panel.
struct Coloring {
  std::string name;  ///< what `--by` calls it: label, wrong, color, confidence, height, or the
                     ///< field's name
  at::Tensor rgb;    ///< uint8 [N,3]
  at::Tensor entry;  ///< int32 [N] rows of legend.entries; undefined when there are none
  Legend legend;
};

/// A cloud or mesh on show. Points that are not finite (or beyond 1e18) are left out; the rest keep
/// their order. Texts are valid UTF-8 in one line, whatever the file says.
struct Panel {
  std::string title;
  at::Tensor xyz;                  ///< float32 [N,3], relative to `origin`
  std::array<double, 3> origin{};  ///< in the file's units; non-zero far from 0 (UTM coordinates)
  at::Tensor rows;                 ///< int64 [N] rows of the points in the file
  at::Tensor triangles;            ///< int64 [T,3] rows of xyz; undefined for a cloud
  double spacing = 0;  ///< between neighbouring points (density.h): what suits a point's size
  std::vector<Coloring> colorings;  ///< at least one; the first is the one to begin with
  at::Tensor label;                 ///< int64 [N]; undefined when the file has none
  at::Tensor confidence;            ///< float32 [N]; undefined when the file has none
  std::map<int64_t, Part> parts;    ///< what the labels mean, as far as the file says

  int64_t points() const { return xyz.size(0); }
  /// The colouring of that name, else nullptr.
  const Coloring* find(const std::string& name) const;
  /// The colouring of that name, else the first one.
  const Coloring& coloring(const std::string& name) const;
};

/// Panels side by side under one camera, whose frame is that of Panel::xyz.
struct Scene {
  std::vector<Panel> panels;
  std::vector<std::string> notes;  ///< what was left out or moved, one line each
  int up = 1;                      ///< axis that points upwards: 0 x, 1 y, 2 z
};

/// A smallest box around points [min, max]; a unit box about 0 where there are none.
struct Box {
  std::array<double, 3> low{-0.5, -0.5, -0.5};
  std::array<double, 3> high{0.5, 0.5, 0.5};
  double diagonal() const;
};
Box bounds(const Panel& panel);
/// Around all panels.
Box bounds(const Scene& scene);

/// A scene of one cloud, as read or as `segment` leaves it: field `label`, comments
/// "category <Category>" and "label <id> <Category> <part> #rrggbb", `confidence`. Colourings, each
/// where the cloud has what it needs: label, color (the file's own, orig_* before those that
/// `segment` painted), confidence, height, and every other numeric field.
/// `up` 0, 1 or 2. A cloud without a finite point gives a panel of 0 points. Throws c10::Error when
/// the cloud has no x, y and z.
Scene make_scene(const io::Cloud& cloud, const std::string& title, int up = 1);

/// Two clouds side by side: prediction | truth, or before | after. Where both have labels and the
/// points correspond (same number, all finite in both or neither), both panels get the colouring
/// "wrong": red where the labels differ. Clouds far apart are each shown about their own centre,
/// with a note.
Scene make_scene(const io::Cloud& first,
                 const std::string& first_title,
                 const io::Cloud& second,
                 const std::string& second_title,
                 int up = 1);

/// What is known of one point, for who points at it.
struct PointFacts {
  int64_t row = 0;   ///< in the file, from 0
  std::string part;  ///< name of its label, "label 7" without a name, empty without label
  std::optional<float> confidence;
  std::array<double, 3> xyz{};  ///< in the file's units, to 1e-7 of the cloud's size
};
PointFacts facts(const Panel& panel, int64_t point);
/// The facts as one line: "leg  0.93  (1.250, 0.310, −0.020)  point 17".
std::string facts_line(const Panel& panel, int64_t point);

/// Colour of a number of a ramp, t in [0,1]; what is not finite is grey. Viridis (Smith, van der
/// Walt 2015): even steps in lightness, for every kind of colour vision.
Color ramp_color(double t);

}  // namespace pointattn::view
