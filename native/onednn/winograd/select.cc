#include <algorithm>

#include "../affine.h"
#include "../simd/target.h"
#include "instructionSets.h"

namespace mlpconv::winograd {
namespace {

/// Whether it is faster than oneDNN's direct algorithm.
bool isFaster(const Problem& problem, int64_t fewestTiles) {
  // Measured against oneDNN 3.2 in all three directions, in float32 on 32 shapes of 1 to 16 images, from 1 to
  // 512 channels and from 1x1 to 56x56 pixels: with 16 channels on one side it is .7 to 1.8 times as fast,
  // with 32 on both 1.1 times and more. In bfloat16, where the direct algorithm is twice as fast and this one
  // is not, on 56 shapes: with 32 channels on both sides .8 to 1.5 times, with 64 on one .9 times and more.
  const bool isBfloat16 = problem.dtype == DType::bfloat16;
  const auto [fewer, more] = std::minmax(problem.in.channels, problem.out.channels);
  const bool hasChannels = fewer >= 32 && more >= (isBfloat16 ? 64 : 32);
  const int64_t direct =
      problem.out.count * problem.out.height * problem.out.width * problem.kernel * problem.kernel;
  // Where tiles reach far beyond the edge, as on 5x5 pixels: 3x3 .8 to 1.25 times, 5x5 .9 to 2 times. In
  // bfloat16 3x3 .9 to 1.2 times with a third of the multiplications, 1.1 to 1.9 times with a quarter.
  const double most = isBfloat16 ? 0.3 : 0.5;
  const auto needed = static_cast<double>(multiplications(problem, chooseOutputs(problem)));
  return hasChannels && needed <= most * static_cast<double>(direct) &&
         Tiles(problem.out, 4).count >= fewestTiles;
}

bool isChosen(const Conv2d& conv, const Problem& problem, int64_t fewestTiles) {
  const bool isRefused =
      conv.precision == Precision::highest || (conv.dtype == DType::bfloat16 && simd::hasAmx());
  return !isRefused && kernels() != nullptr && isPossible(conv) && isFaster(problem, fewestTiles);
}

// Of 4x4 outputs. With few tiles reading all transformed weights is most of the work. Forward, where
// predictions keep them from call to call, one image of NiN's third block (9 tiles) takes half of the direct
// algorithm's time; the gradients with 4 tiles .5 to 2.2 times as fast, with 16 1.1 times and more.
constexpr int64_t fewestTilesForward = 8, fewestTilesBackward = 16;

}  // namespace

const Kernels* kernels() {
#ifdef MLPCONV_HAS_SIMD
  return simd::chooseKernels(avx2Kernels, avx512Kernels);
#else
  return nullptr;
#endif
}

bool isPossible(const Conv2d& conv) {
  const auto& [kernelSize, stride, padding] = conv.window;
  const int64_t kernel = kernelSize[0];
  const bool isBfloat16 =
      conv.dtype == DType::bfloat16 && simd::instructionSet() == simd::InstructionSet::avx512;
  return (conv.dtype == DType::float32 || isBfloat16) && (kernel == 3 || kernel == 5) &&
         kernelSize[1] == kernel && stride == std::vector<int64_t>{1, 1} && padding[0] < kernel &&
         padding[1] < kernel;
}

std::shared_ptr<Kernel> tryForward(const OneDnnDevice& device, const Conv2d& conv) {
  const Problem problem = Problem::forward(conv);
  if (!isChosen(conv, problem, fewestTilesForward)) return nullptr;
  const Epilogue epilogue = conv.relu ? Epilogue::relu : Epilogue::none;
  return kernels()->createForward(problem, false, epilogue, teamSize(device, conv));
}

std::shared_ptr<Kernel> tryBackwardData(const OneDnnDevice& device, const Conv2d& conv) {
  const Problem problem = Problem::backwardData(conv);
  if (!isChosen(conv, problem, fewestTilesBackward)) return nullptr;
  const Epilogue epilogue = conv.reluBackward ? Epilogue::reluBackward : Epilogue::none;
  return kernels()->createForward(problem, true, epilogue, teamSize(device, conv));
}

std::shared_ptr<Kernel> tryBackwardWeights(const OneDnnDevice& device, const Conv2d& conv) {
  const Problem problem = Problem::forward(conv);
  if (!isChosen(conv, problem, fewestTilesBackward)) return nullptr;
  return kernels()->createBackwardWeights(problem, conv.accumulate, teamSize(device, conv));
}

}  // namespace mlpconv::winograd
