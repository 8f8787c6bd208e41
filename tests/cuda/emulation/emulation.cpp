// SPDX-License-Identifier: Apache-2.0
#include "cuda_runtime_api.h"
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <ucontext.h>
#include <vector>

namespace emulated {

thread_local Place thread, block;
thread_local dim3 blocks(1), threads(1);

namespace {

constexpr std::size_t kStack = 64 * 1024;
constexpr int kWarp = 32;
constexpr std::size_t kMostBytes = 32;

enum class State { kReady, kAtBlock, kAtWarp, kDone };

struct Copy {
  void* to;
  const void* from;
  std::size_t bytes;
};

struct Fiber {
  ucontext_t first_context;  // for its start; later switches by jumps, which make no system call
  jmp_buf place_in_code;
  bool started = false;
  State state = State::kReady;
  Place place;
  alignas(kMostBytes) char left[2][kMostBytes];  // for the other lanes, in turn
  int turn = 0;
  std::vector<Copy> copies;
};

/// The block that this system thread runs.
struct Block {
  std::vector<Fiber> fibers;
  ucontext_t first_context;
  jmp_buf scheduler;
  std::size_t current = 0;
  const std::function<void()>* body = nullptr;
};
thread_local Block* running = nullptr;

/// Stacks for the fibers of a block, kept for the next.
char* stack_of(std::size_t fiber) {
  thread_local std::vector<std::unique_ptr<char[]>> stacks;
  while (stacks.size() <= fiber) stacks.push_back(std::make_unique_for_overwrite<char[]>(kStack));
  return stacks[fiber].get();
}

void enter() {
  (*running->body)();
  Fiber& own = running->fibers[running->current];
  own.state = State::kDone;
  _longjmp(running->scheduler, 1);
}

void wait_as(State state) {
  Fiber& own = running->fibers[running->current];
  own.state = state;
  if (_setjmp(own.place_in_code) == 0) _longjmp(running->scheduler, 1);
}

/// Runs a fiber until it waits or is done.
void resume(Block& owner, Fiber& fiber) {
  if (_setjmp(owner.scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.place_in_code, 1);
  fiber.started = true;
  swapcontext(&owner.first_context, &fiber.first_context);
}

/// Lets the fibers of [first, last) go on when all that are not done wait in `state`; whether any did.
bool release(std::size_t first, std::size_t last, State state) {
  bool any = false;
  for (std::size_t i = first; i < last; ++i) {
    const State own = running->fibers[i].state;
    if (own == State::kDone) continue;
    if (own != state) return false;
    any = true;
  }
  for (std::size_t i = first; any && i < last; ++i) {
    if (running->fibers[i].state == state) running->fibers[i].state = State::kReady;
  }
  return any;
}

void run_block(const std::function<void()>& body, const dim3& size) {
  const std::size_t count = std::size_t{size.x} * size.y * size.z;
  Block own;
  own.fibers = std::vector<Fiber>(count);
  own.body = &body;
  running = &own;
  for (std::size_t i = 0; i < count; ++i) {
    Fiber& fiber = own.fibers[i];
    fiber.place = {static_cast<unsigned>(i % size.x),
                   static_cast<unsigned>(i / size.x % size.y),
                   static_cast<unsigned>(i / size.x / size.y)};
    getcontext(&fiber.first_context);
    fiber.first_context.uc_stack.ss_sp = stack_of(i);
    fiber.first_context.uc_stack.ss_size = kStack;
    fiber.first_context.uc_link = nullptr;
    makecontext(&fiber.first_context, enter, 0);
  }
  for (bool alive = true; alive;) {
    alive = false;
    bool moved = false;
    // A warp runs as far as it can while the others stand still: a barrier that is missing shows.
    for (std::size_t first = 0; first < count; first += kWarp) {
      const std::size_t last = std::min(count, first + kWarp);
      do {
        for (std::size_t i = first; i < last; ++i) {
          if (own.fibers[i].state != State::kReady) continue;
          own.current = i;
          thread = own.fibers[i].place;
          resume(own, own.fibers[i]);
          moved = true;
        }
      } while (release(first, last, State::kAtWarp));
    }
    moved = release(0, count, State::kAtBlock) || moved;
    for (const Fiber& fiber : own.fibers) alive = alive || fiber.state != State::kDone;
    if (alive && !moved) give_up("threads wait for others that never come");
  }
  running = nullptr;
}

}  // namespace

void run(dim3 grid, dim3 block_size, bool together, const std::function<void()>& body) {
  std::vector<std::thread> system_threads;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        const auto one = [&body, grid, block_size, x, y, z] {
          blocks = grid;
          threads = block_size;
          block = {x, y, z};
          run_block(body, block_size);
        };
        if (together) {
          system_threads.emplace_back(one);
        } else {
          one();
        }
      }
    }
  }
  for (std::thread& each : system_threads) each.join();
}

void wait_for_block() { wait_as(State::kAtBlock); }
void wait_for_warp() { wait_as(State::kAtWarp); }

void give_up(const char* message) {
  std::fprintf(stderr, "emulated GPU: %s\n", message);
  std::abort();
}

// Two places in turn: whoever writes one has waited for all that read it, a turn before.
Lanes leave_for_lanes(const void* own, std::size_t bytes) {
  if (bytes > kMostBytes) give_up("an exchange of too many bytes");
  Fiber& fiber = running->fibers[running->current];
  const int slot = fiber.turn ^= 1;
  std::memcpy(fiber.left[slot], own, bytes);
  wait_for_warp();
  return {&running->fibers[running->current / kWarp * kWarp], slot};
}

const char* Lanes::of(int lane) const {
  return static_cast<const Fiber*>(first)[lane % kWarp].left[slot];
}

unsigned ballot(bool own) {
  const char bit = own ? 1 : 0;
  const Lanes lanes = leave_for_lanes(&bit, 1);
  const std::size_t warp = running->current / kWarp * kWarp;
  unsigned all = 0;
  for (std::size_t i = 0; i < kWarp && warp + i < running->fibers.size(); ++i)
    all |= static_cast<unsigned>(*lanes.of(static_cast<int>(i))) << i;
  return all;
}

void copy_later(void* to, const void* from, std::size_t bytes) {
  running->fibers[running->current].copies.push_back({to, from, bytes});
}

void copy_now() {
  for (const Copy& copy : running->fibers[running->current].copies) {
    if (copy.from != nullptr) {
      std::memcpy(copy.to, copy.from, copy.bytes);
    } else {
      std::memset(copy.to, 0, copy.bytes);
    }
  }
  running->fibers[running->current].copies.clear();
}

unsigned char* shared_memory() {
  alignas(128) thread_local unsigned char memory[kSharedMemory];
  return memory;
}

int lane() { return static_cast<int>(running->current % kWarp); }

}  // namespace emulated

void __nanosleep(unsigned /*nanoseconds*/) { std::this_thread::yield(); }
