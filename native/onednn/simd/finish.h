// An epilogue in vectors.
#pragma once

#include "../epilogue.h"

MLPCONV_SIMD_BEGIN

namespace mlpconv::simd::MLPCONV_SIMD {

/// `gate` gives the further input of reluBackward.
template <typename Gate>
Vector finish(Epilogue epilogue, Vector result, const Gate& gate) {
  switch (epilogue) {
    case Epilogue::none:
      return result;
    case Epilogue::relu:
      return rectify(result);
    case Epilogue::reluBackward:
      return whereAboveZero(result, gate());
  }
  return result;
}

}  // namespace mlpconv::simd::MLPCONV_SIMD

MLPCONV_SIMD_END
