// The kernels of conv2d and linear, which differ in nothing but the primitive.
#pragma once

#include "../ops/affine.h"
#include "primitive.h"

namespace mlpconv {

/// The descriptor of a conv2d or linear. Throws DTypeError if it asks for what no CPU has.
template <typename Descriptor>
const Descriptor& checked(const KernelDescription& description, const Descriptor& affine) {
  checkDType(description, affine.precision != Precision::tfloat32,
             "precision 'default' or 'highest' on the CPU, which has no TF32; 'tfloat32' needs a GPU");
  return affine;
}

/// The layouts that a primitive is asked for; weights are in a layout of its choice, forward and in backward
/// data of the activations' type.
struct AffineLayouts {
  dnnl::memory::desc x, weight, dweight, y;
  /// A zero descriptor if there is no bias.
  dnnl::memory::desc bias;

  explicit AffineLayouts(const Affine& affine)
      : x(layout(affine.xSpec())),
        weight(anyLayout({affine.dtype, affine.weight})),
        dweight(anyLayout(affine.weightSpec())),
        y(layout(affine.ySpec())),
        bias(affine.bias ? layout(affine.biasSpec()) : dnnl::memory::desc()) {}
};

/// How many threads to plan a primitive for. Little work is faster done by one than shared out; and the
/// barriers in some of oneDNN's kernels spin, which costs a time slice each where another program has the
/// other core.
inline int teamSize(const OneDnnDevice& device, const Affine& affine) {
  constexpr int64_t leastFlops = 8'000'000;
  const int64_t flops = 2 * affine.ySpec().elements() * (affine.weightSpec().elements() / affine.weight[0]);
  return flops < leastFlops ? 1 : device.threads();
}

/// The attributes of a forward primitive: with a ReLU behind it, if there is one.
inline dnnl::primitive_attr forwardAttributes(const Affine& affine) {
  dnnl::post_ops postOps;
  if (affine.relu) postOps.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
  return attributes(postOps);
}

/// x, weight, (bias) -> y.
template <typename Forward>
std::shared_ptr<Kernel> affineForward(const OneDnnDevice& device, const Affine& affine,
                                      const typename Forward::primitive_desc& desc) {
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->pack(device, 1, layout(affine.weightSpec()), desc.weights_desc());
  std::vector<PrimitiveArgument> arguments = {
      {DNNL_ARG_SRC, desc.src_desc(), Place::input(0)},
      {DNNL_ARG_WEIGHTS, desc.weights_desc(), Place::input(1)},
      {DNNL_ARG_DST, desc.dst_desc(), Place::output(0)},
  };
  if (affine.bias) arguments.push_back({DNNL_ARG_BIAS, desc.bias_desc(), Place::input(2)});
  kernel->add<Forward>(desc, std::move(arguments));
  return kernel;
}

/// dy, weight -> dx.
template <typename BackwardData>
std::shared_ptr<Kernel> affineBackwardData(const OneDnnDevice& device, const Affine& affine,
                                           const typename BackwardData::primitive_desc& desc) {
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->pack(device, 1, layout(affine.weightSpec()), desc.weights_desc());
  kernel->add<BackwardData>(desc, {{DNNL_ARG_DIFF_DST, desc.diff_dst_desc(), Place::input(0)},
                                   {DNNL_ARG_WEIGHTS, desc.weights_desc(), Place::input(1)},
                                   {DNNL_ARG_DIFF_SRC, desc.diff_src_desc(), Place::output(0)}});
  return kernel;
}

/// x, dy -> dweight, (dbias). What the primitive cannot write where it belongs goes through the workspace.
template <typename BackwardWeights>
std::shared_ptr<Kernel> affineBackwardWeights(const OneDnnDevice& device, const Affine& affine,
                                              const typename BackwardWeights::primitive_desc& desc) {
  struct Gradient {
    int argument;
    dnnl::memory::desc made;
    dnnl::memory::desc wanted;
  };
  std::vector<Gradient> gradients = {
      {DNNL_ARG_DIFF_WEIGHTS, desc.diff_weights_desc(), layout(affine.weightSpec())}};
  if (affine.bias)
    gradients.push_back({DNNL_ARG_DIFF_BIAS, desc.diff_bias_desc(), layout(affine.biasSpec())});

  auto kernel = std::make_shared<PrimitiveKernel>(device);
  std::vector<PrimitiveArgument> arguments = {{DNNL_ARG_SRC, desc.src_desc(), Place::input(0)},
                                              {DNNL_ARG_DIFF_DST, desc.diff_dst_desc(), Place::input(1)}};
  std::vector<Place> places;
  for (const auto& [argument, made, wanted] : gradients) {
    places.push_back(kernel->reserve(made, wanted, Place::output(places.size()), affine.accumulate));
    arguments.push_back({argument, made, places.back()});
  }
  kernel->add<BackwardWeights>(desc, std::move(arguments));
  for (size_t i = 0; i < gradients.size(); ++i) {
    const auto& [argument, made, wanted] = gradients[i];
    kernel->deliver(made, places[i], wanted, Place::output(i), affine.accumulate);
  }
  return kernel;
}

}  // namespace mlpconv
