#include "module.h"

#include <algorithm>

// The build gives the fat binary's path.
asm(R"(
  .section .rodata
  .balign 16
mlpconv_kernels:
  .incbin ")" MLPCONV_FATBIN R"("
  .balign 16
  .previous
)");

extern "C" {
__attribute__((visibility("hidden"))) extern const unsigned char mlpconv_kernels[];
}

namespace mlpconv {
namespace {

constexpr unsigned int threadsPerBlock = 256;
/// Enough for each multiprocessor to hide the latency of memory, which is all that these kernels wait for.
constexpr int blocksPerMultiprocessor = 16;

}  // namespace

Module::Module(const CudaRuntime& runtime, int multiprocessors)
    : runtime_(runtime), maxBlocks_(static_cast<unsigned int>(multiprocessors * blocksPerMultiprocessor)) {
  runtime_.check(
      runtime_.cudaLibraryLoadData(&library_, mlpconv_kernels, nullptr, nullptr, 0, nullptr, nullptr, 0),
      "loading mlpconv's kernels");
}

Module::~Module() { runtime_.cudaLibraryUnload(library_); }

cudaKernel_t Module::find(const char* name) const {
  if (const auto found = kernels_.find(std::string_view(name)); found != kernels_.end()) return found->second;
  cudaKernel_t kernel = nullptr;
  runtime_.check(runtime_.cudaLibraryGetKernel(&kernel, library_, name), name);
  kernels_.emplace(name, kernel);
  return kernel;
}

void Module::launch(cudaStream_t stream, const char* name, int64_t count, void** arguments) const {
  if (count == 0) return;
  const int64_t blocks = (count + threadsPerBlock - 1) / threadsPerBlock;
  const dim3 grid = {static_cast<unsigned int>(std::min<int64_t>(blocks, maxBlocks_)), 1, 1};
  const dim3 block = {threadsPerBlock, 1, 1};
  const void* const kernel = reinterpret_cast<const void*>(find(name));
  runtime_.check(runtime_.cudaLaunchKernel(kernel, grid, block, arguments, 0, stream), name);
}

}  // namespace mlpconv
