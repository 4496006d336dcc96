// A kernel made of oneDNN primitives that run one after the other.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include "device.h"

namespace mlpconv {

/// Where a primitive's argument is when the kernel runs.
struct Place {
  enum class In { inputs, outputs, workspace } in;
  /// Which input or output, or the offset in bytes.
  size_t at;

  bool operator==(const Place&) const = default;

  static Place input(size_t index) { return {In::inputs, index}; }
  static Place output(size_t index) { return {In::outputs, index}; }
};

struct PrimitiveArgument {
  /// DNNL_ARG_...
  int name;
  dnnl::memory::desc desc;
  Place place;
};

/// The number of OpenMP's threads for this thread, for as long as it lives.
class Team {
 public:
  explicit Team(int threads);
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team();

 private:
  int before_;
};

class PrimitiveKernel final : public Kernel {
 public:
  /// Its primitives run with as many threads as there are now, for which they were or will be planned.
  explicit PrimitiveKernel(const OneDnnDevice& device);

  /// Reserves a place in the workspace.
  Place temporary(size_t bytes);

  /// Adds a primitive behind those that are there, and its scratchpad to the workspace.
  template <typename Primitive>
  void add(const typename Primitive::primitive_desc& desc, std::vector<PrimitiveArgument> arguments) {
    append(Primitive(desc), desc, std::move(arguments));
  }

  /// Adds a reorder to the layout and type of `to`, or an addition to what is there.
  void addReorder(const dnnl::memory::desc& from, Place source, const dnnl::memory::desc& to,
                  Place destination, bool accumulate = false);

  /// Where a primitive that reads `wanted` finds what is `given` at `source`: there, or behind a reorder.
  Place fetch(const dnnl::memory::desc& given, Place source, const dnnl::memory::desc& wanted);

  /// Where a primitive may write what is `made` and `wanted` at `destination`: there if these are the same
  /// and nothing is accumulated, else in the workspace.
  Place reserve(const dnnl::memory::desc& made, const dnnl::memory::desc& wanted, Place destination,
                bool accumulate = false);

  /// Brings what a primitive has written where reserve() said to its destination.
  void deliver(const dnnl::memory::desc& made, Place source, const dnnl::memory::desc& wanted,
               Place destination, bool accumulate = false);

  /// Lets the plan bring input `input` from `from` to `to`, unless they are the same.
  void pack(const OneDnnDevice& device, size_t input, const dnnl::memory::desc& from,
            const dnnl::memory::desc& to);

  void setOpaqueBytes(size_t bytes) { opaqueBytes_ = bytes; }

  /// oneDNN's names of what it chose, in order: "jit:avx512_core".
  std::vector<std::string> implementations() const;
  std::string implementation() const override;

  size_t workspaceBytes() const override { return workspaceBytes_; }
  size_t opaqueBytes(size_t) const override { return opaqueBytes_; }
  std::vector<Pack> packs() const override { return packs_; }
  void run(const Arguments& arguments) override;

 private:
  struct Binding {
    dnnl::memory memory;
    Place place;
  };
  struct Step {
    dnnl::primitive primitive;
    std::string implementation;
    std::vector<Binding> bindings;
    /// The same memory objects, as oneDNN's C interface takes them: it allocates nothing to pass them on.
    std::vector<dnnl_exec_arg_t> arguments;
  };

  void append(const dnnl::primitive& primitive, const dnnl::primitive_desc_base& desc,
              std::vector<PrimitiveArgument> arguments);

  dnnl::engine engine_;
  dnnl::stream stream_;
  int threads_;
  std::vector<Step> steps_;
  std::vector<Pack> packs_;
  size_t workspaceBytes_ = 0;
  size_t opaqueBytes_ = 0;
};

/// The contract's layout of a tensor: channels-last at rank 4, else row-major (rank 1 and 2).
dnnl::memory::desc layout(const TensorSpec& tensor);

/// The same dimensions and type in a layout of oneDNN's choice.
dnnl::memory::desc anyLayout(const TensorSpec& tensor);

/// All elements in the order in which they are in memory.
dnnl::memory::desc flat(const TensorSpec& tensor);

/// float32 is float32 (no TF32 or bfloat16 inside), and scratchpads are the workspace's.
dnnl::primitive_attr attributes(const dnnl::post_ops& postOps = {});

}  // namespace mlpconv
