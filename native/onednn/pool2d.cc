#include "pool2d.h"

namespace mlpconv {

dnnl::pooling_forward::primitive_desc poolForward(const OneDnnDevice& device, const Pool2d& pool,
                                                  dnnl::algorithm algorithm, bool training) {
  const auto& [kernelSize, stride, padding] = pool.window;
  const dnnl::memory::dims dilation = {0, 0};
  const auto kind = training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  return {device.engine(), kind,    algorithm, layout(pool.xSpec()), layout(pool.ySpec()), stride, kernelSize,
          dilation,        padding, padding,   attributes()};
}

dnnl::pooling_backward::primitive_desc poolBackward(const OneDnnDevice& device, const Pool2d& pool,
                                                    dnnl::algorithm algorithm) {
  const auto& [kernelSize, stride, padding] = pool.window;
  const dnnl::memory::dims dilation = {0, 0};
  return {device.engine(),
          algorithm,
          layout(pool.xSpec()),
          layout(pool.ySpec()),
          stride,
          kernelSize,
          dilation,
          padding,
          padding,
          poolForward(device, pool, algorithm, true),
          attributes()};
}

}  // namespace mlpconv
