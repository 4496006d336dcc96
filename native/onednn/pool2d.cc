#include "pool2d.h"

#include "primitive.h"
#include "reluBackward.h"

namespace mlpconv {
namespace {

Pool2d widened(Pool2d pool) {
  pool.dtype = DType::float32;
  return pool;
}

dnnl::pooling_forward::primitive_desc forwardDesc(const OneDnnDevice& device, const Pool2d& pool,
                                                  dnnl::algorithm algorithm, bool training) {
  const auto& [kernelSize, stride, padding] = pool.window;
  const auto kind = training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  return {device.engine(), kind,    algorithm, layout(pool.xSpec()), layout(pool.ySpec()), stride, kernelSize,
          {0, 0},          padding, padding,   attributes()};
}

dnnl::pooling_backward::primitive_desc backwardDesc(const OneDnnDevice& device, const Pool2d& pool,
                                                    dnnl::algorithm algorithm) {
  const auto& [kernelSize, stride, padding] = pool.window;
  return {device.engine(),
          algorithm,
          layout(pool.xSpec()),
          layout(pool.ySpec()),
          stride,
          kernelSize,
          {0, 0},
          padding,
          padding,
          forwardDesc(device, pool, algorithm, true),
          attributes()};
}

/// Of what makes an index too, if the algorithm has one.
dnnl::pooling_forward::primitive_desc indexingDesc(const OneDnnDevice& device, const Pool2d& pool,
                                                   dnnl::algorithm algorithm) {
  const auto desc = forwardDesc(device, pool, algorithm, true);
  // oneDNN 3.2 leaves half of a bfloat16 pooling's 32-bit indices unwritten (those of more than 255 places).
  const bool isWrong =
      pool.dtype == DType::bfloat16 && desc.workspace_desc().get_data_type() == dnnl::memory::data_type::s32;
  return isWrong ? forwardDesc(device, widened(pool), algorithm, true) : desc;
}

bool windowsOverlap(const Window& window) {
  return window.stride[0] < window.kernelSize[0] || window.stride[1] < window.kernelSize[1];
}

}  // namespace

std::shared_ptr<Kernel> createPool(const OneDnnDevice& device, const Pool2d& pool, dnnl::algorithm algorithm,
                                   bool index) {
  const auto desc =
      index ? indexingDesc(device, pool, algorithm) : forwardDesc(device, pool, algorithm, false);
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  const Place x = kernel->fetch(layout(pool.xSpec()), Place::input(0), desc.src_desc());
  const Place y = kernel->reserve(desc.dst_desc(), layout(pool.ySpec()), Place::output(0));
  std::vector<PrimitiveArgument> arguments = {{DNNL_ARG_SRC, desc.src_desc(), x},
                                              {DNNL_ARG_DST, desc.dst_desc(), y}};
  if (index) {
    arguments.push_back({DNNL_ARG_WORKSPACE, desc.workspace_desc(), Place::output(1)});
    kernel->setOpaqueBytes(desc.workspace_desc().get_size());
  }
  kernel->add<dnnl::pooling_forward>(desc, std::move(arguments));
  kernel->deliver(desc.dst_desc(), y, layout(pool.ySpec()), Place::output(0));
  return kernel;
}

dnnl::memory::data_type indexType(const OneDnnDevice& device, const Pool2d& pool) {
  const dnnl::memory::desc index = indexingDesc(device, pool, dnnl::algorithm::pooling_max).workspace_desc();
  const dnnl::memory::desc known = {pool.y, index.get_data_type(), dnnl::memory::format_tag::nhwc};
  return index == known ? index.get_data_type() : dnnl::memory::data_type::undef;
}

std::shared_ptr<Kernel> createPoolBackward(const OneDnnDevice& device, const Pool2d& pool,
                                           dnnl::algorithm algorithm) {
  // oneDNN adds overlapping windows up in dx itself, and so would round a bfloat16 one after each.
  const auto desc = backwardDesc(device, windowsOverlap(pool.window) ? widened(pool) : pool, algorithm);
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  const Place dy = kernel->fetch(layout(pool.ySpec()), Place::input(0), desc.diff_dst_desc());
  const Place dx = kernel->reserve(desc.diff_src_desc(), layout(pool.xSpec()), Place::output(0));
  std::vector<PrimitiveArgument> arguments = {{DNNL_ARG_DIFF_DST, desc.diff_dst_desc(), dy},
                                              {DNNL_ARG_DIFF_SRC, desc.diff_src_desc(), dx}};
  if (algorithm == dnnl::algorithm::pooling_max)
    arguments.push_back({DNNL_ARG_WORKSPACE, desc.workspace_desc(), Place::input(1)});
  kernel->add<dnnl::pooling_backward>(desc, std::move(arguments));
  kernel->deliver(desc.diff_src_desc(), dx, layout(pool.xSpec()), Place::output(0));
  return andReluBackward(device, pool.reluBackward, pool.xSpec(), kernel);
}

}  // namespace mlpconv
