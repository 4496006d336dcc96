#include "kernel.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace mlpconv {

namespace {

Extent extentOf(const TensorSpec& spec) {
  return {spec.bytes(), spec.dtype == DType::opaque ? bufferAlignment : byteSize(spec.dtype)};
}

CompiledKernel withExtents(std::string op, std::shared_ptr<Kernel> kernel, std::vector<Extent> inputs,
                           std::vector<Extent> outputs) {
  const Extent workspace = {kernel->workspaceBytes(), bufferAlignment};
  return {std::move(op), std::move(kernel), std::move(inputs), std::move(outputs), workspace, {}};
}

CompiledKernel compile(Device& device, const KernelDescription& description) {
  std::vector<Extent> inputs;
  for (const TensorSpec& spec : description.inputs) inputs.push_back(extentOf(spec));

  std::shared_ptr<Kernel> kernel = device.createKernel(description);
  if (kernel == nullptr) throw DeviceError("the backend made no kernel");

  std::vector<Extent> outputs;
  for (size_t i = 0; i < description.outputs.size(); i++) {
    const TensorSpec& spec = description.outputs[i];
    outputs.push_back(spec.dtype == DType::opaque ? Extent{kernel->opaqueBytes(i), bufferAlignment}
                                                  : extentOf(spec));
  }

  std::vector<CompiledPack> packs;
  for (const Pack& pack : kernel->packs()) {
    if (pack.input >= inputs.size() || pack.kernel == nullptr) {
      throw DeviceError("the backend packs an input that the op does not have");
    }
    const Extent packed = {pack.bytes, bufferAlignment};
    packs.push_back(
        {pack.input, std::make_shared<const CompiledKernel>(withExtents(
                         "the pack of input " + std::to_string(pack.input) + " of " + description.op,
                         pack.kernel, {inputs[pack.input]}, {packed}))});
    inputs[pack.input] = packed;
  }

  CompiledKernel compiled =
      withExtents(description.op, std::move(kernel), std::move(inputs), std::move(outputs));
  compiled.packs = std::move(packs);
  return compiled;
}

}  // namespace

std::shared_ptr<const CompiledKernel> compileKernel(Device& device, const KernelDescription& description) {
  return namingOp(description.op,
                  [&] { return std::make_shared<const CompiledKernel>(compile(device, description)); });
}

std::vector<std::shared_ptr<const CompiledKernel>> compileKernels(
    Device& device, std::span<const KernelDescription> descriptions, const std::atomic<bool>& stopping) {
  const size_t count = descriptions.size();
  std::vector<std::shared_ptr<const CompiledKernel>> kernels(count);
  std::vector<std::exception_ptr> errors(count);
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  // Kernels are begun in order, so that all before one that fails are made as well.
  const auto work = [&] {
    for (size_t i = 0; !failed && !stopping && (i = next++) < count;) {
      try {
        kernels[i] = compileKernel(device, descriptions[i]);
      } catch (...) {
        errors[i] = std::current_exception();
        failed = true;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    const size_t most = std::min(count, static_cast<size_t>(device.compilingThreads()));
    try {
      while (threads.size() + 1 < most) {
        threads.emplace_back([&] {
          try {
            device.attachCompilingThread();
          } catch (const Error&) {
            return;  // The others make all kernels, or find the same error.
          }
          work();
        });
      }
    } catch (const std::system_error&) {
      // The system has no more threads.
    }
    work();
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return kernels;
}

void rethrowNaming(const std::string& op) {
  const auto named = [&op](const std::string& message) {
    return message.find(op) == std::string::npos ? op + ": " + message : message;
  };
  try {
    throw;
  } catch (const OutOfMemoryError& error) {
    throw OutOfMemoryError(named(error.what()), error.neededBytes(), error.freeBytes());
  } catch (const Error& error) {
    throw Error(error.code(), named(error.what()));
  } catch (const std::bad_alloc&) {
    throw OutOfMemoryError(named("the host has too little free memory"), 0, 0);
  } catch (const std::exception& error) {
    throw DeviceError(named(error.what()));
  }
}

}  // namespace mlpconv
