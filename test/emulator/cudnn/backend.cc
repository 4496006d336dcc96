// A libcudnn.so for machines without a GPU: a test double of cuDNN's backend API. It offers engines that a
// caller who wants the same bits each time, or strict float32, must know to refuse; see ../README.md.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <set>

#include "../runtime.h"
#include "operations.h"

using namespace mlpconv::emulator;

namespace {

struct Descriptor {
  std::shared_ptr<Content> content;
};

struct Handle {
  void* stream = nullptr;
};

struct Engine {
  int64_t number;
  Arithmetic arithmetic;
  std::vector<cudnnBackendNumericalNote_t> notes;
  std::vector<cudnnBackendBehaviorNote_t> behavior;
  int64_t workspaceBytes;
};

thread_local std::string lastError;

/// Runs a call's body; what it refuses becomes its status.
template <typename Body>
cudnnStatus_t call(const Body& body) noexcept {
  try {
    body();
    return CUDNN_STATUS_SUCCESS;
  } catch (const Refusal& refusal) {
    lastError = "emulator: " + refusal.message;
    return refusal.status;
  } catch (const std::exception& error) {
    lastError = std::string("emulator: ") + error.what();
    return CUDNN_STATUS_INTERNAL_ERROR;
  }
}

Descriptor& of(void* descriptor) {
  if (descriptor == nullptr) refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "a null descriptor");
  return *static_cast<Descriptor*>(descriptor);
}

/// A graph's operations, each behind those whose results it reads.
std::vector<Operation> operationsOf(const Content& graph) {
  std::vector<Operation> waiting, operations;
  for (const auto& operation : graph.descriptors(CUDNN_ATTR_OPERATIONGRAPH_OPS)) {
    waiting.push_back(readOperation(operation));
  }
  std::set<int64_t> made;
  while (!waiting.empty()) {
    const auto next = std::find_if(waiting.begin(), waiting.end(), [&](const Operation& operation) {
      return std::all_of(operation.inputs.begin(), operation.inputs.end(),
                         [&](const Tensor& input) { return !input.isVirtual || made.contains(input.uid); });
    });
    if (next == waiting.end()) refuse(CUDNN_STATUS_BAD_PARAM, "nothing makes what an operation reads");
    for (const Tensor& output : next->outputs) made.insert(output.uid);
    operations.push_back(std::move(*next));
    waiting.erase(next);
  }
  return operations;
}

/// A ReLU's gradient is computed only behind one other gradient, and of an even number of channels: who asks
/// for it must have another way.
void checkReluBackward(const std::vector<Operation>& operations) {
  for (const Operation& operation : operations) {
    if (!isReluBackward(*operation.content)) continue;
    const Tensor& dy = operation.inputs[0];
    const bool isBehind = operations.size() == 2 && &operation == &operations[1] && dy.isVirtual &&
                          dy.uid == operations[0].outputs[0].uid && !operation.inputs[1].isVirtual;
    const int64_t channels = dy.dims.size() == 4 ? dy.dims[1] : dy.dims.back();
    if (!isBehind || channels % 2 != 0) {
      refuse(CUDNN_STATUS_NOT_SUPPORTED, "no engine for this gradient of a ReLU");
    }
  }
}

/// The engines for a graph, the fastest first. As cuDNN's, those of convolutions come with and without tensor
/// cores, and all others are said to use tensor cores, whether they multiply or not.
std::vector<Engine> enginesOf(const Content& graph) {
  const std::vector<Operation> operations = operationsOf(graph);
  checkReluBackward(operations);
  const auto any = [&](auto... types) {
    return std::any_of(operations.begin(), operations.end(),
                       [&](const Operation& operation) { return ((operation.type == types) || ...); });
  };
  const auto isFloat = [](const Tensor& tensor) {
    return tensor.isVirtual || tensor.type == CUDNN_DATA_FLOAT;
  };
  const bool rounds = std::all_of(operations[0].inputs.begin(), operations[0].inputs.end(), isFloat);
  const Engine wild{
      20, {rounds, true}, {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, {}, 0};
  const Engine tensorCores{1, {rounds, false}, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, {}, 4096};
  const Engine strict{0, {}, {}, {}, 1 << 16};
  const Engine compiled{
      2, {rounds, false}, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, {CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION}, 512};
  if (any(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
          CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR)) {
    return {wild, tensorCores, strict};
  }
  // The real one's, too, are wrong in bfloat16.
  const Engine wrong{3, {false, true}, {}, {CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION}, 0};
  const bool pools = any(CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR);
  if (pools && operations[0].inputs[0].type == CUDNN_DATA_BFLOAT16) return {wrong, compiled};
  return {compiled};
}

Engine engineOf(const Content& engine) {
  const auto number = engine.one<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  for (const Engine& candidate : enginesOf(engine.descriptor(CUDNN_ATTR_ENGINE_OPERATION_GRAPH))) {
    if (candidate.number == number) return candidate;
  }
  refuse(CUDNN_STATUS_NOT_SUPPORTED, "no engine " + std::to_string(number) + " for this graph");
}

void finalizeEngine(Content& content) {
  const Engine engine = engineOf(content);
  content.set(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, engine.notes);
  content.set(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE, engine.behavior);
  content.set(CUDNN_ATTR_ENGINE_KNOB_INFO, Contents{});
}

void finalizeHeuristics(Content& content) {
  const auto& graph = content.descriptors(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH).at(0);
  Contents results;
  for (const Engine& engine : enginesOf(*graph)) {
    auto made = std::make_shared<Content>(Content{CUDNN_BACKEND_ENGINE_DESCRIPTOR, true, {}});
    made->set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, Contents{graph});
    made->set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, std::vector{engine.number});
    finalizeEngine(*made);
    auto configuration = std::make_shared<Content>(Content{CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, true, {}});
    configuration->set(CUDNN_ATTR_ENGINECFG_ENGINE, Contents{made});
    configuration->set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, Contents{});
    configuration->set(CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE, CUDNN_TYPE_INT64,
                       std::vector{engine.workspaceBytes});
    results.push_back(configuration);
  }
  content.set(CUDNN_ATTR_ENGINEHEUR_RESULTS, results);
}

/// Plans that were made, so that the text that stands for one finds it again, in the same process.
std::vector<std::shared_ptr<const Content>>& madePlans() {
  static std::vector<std::shared_ptr<const Content>> plans;
  return plans;
}
std::mutex plansMutex;

/// What the text of this process's plans begins with: a number follows.
const std::string& planText() {
  static const std::string text =
      "{\"process\":\"" + std::to_string(getpid()) + "-" +
      std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) + "\",\"emulated plan\":";
  return text;
}

void finalizePlan(Content& content) {
  const std::lock_guard lock(plansMutex);
  if (content.has(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION)) {
    const std::vector<char> text = content.all<char>(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
    const std::string words(text.begin(), text.end());
    const std::string& begin = planText();
    const size_t number = words.starts_with(begin) ? std::stoul(words.substr(begin.size())) : SIZE_MAX;
    if (number >= madePlans().size()) refuse(CUDNN_STATUS_NOT_SUPPORTED, "a plan of another process");
    content.attributes = madePlans()[number]->attributes;
    return;
  }
  const Engine engine = engineOf(
      content.descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG).descriptor(CUDNN_ATTR_ENGINECFG_ENGINE));
  content.set(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, std::vector{engine.workspaceBytes});
  const std::string text = planText() + std::to_string(madePlans().size()) + "}";
  content.set(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
              std::vector<char>(text.begin(), text.end()));
  madePlans().push_back(std::make_shared<Content>(content));
}

void finalize(Content& content) {
  switch (content.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      Tensor{content};
      break;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR: {
      const auto count = static_cast<int64_t>(enginesOf(content).size());
      content.set(CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, CUDNN_TYPE_INT64, std::vector{count});
      break;
    }
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
      finalizeEngine(content);
      break;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      finalizeHeuristics(content);
      break;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      finalizePlan(content);
      break;
    default:
      break;
  }
  content.finalized = true;
}

const char* nameOf(const Operation& operation) {
  switch (operation.type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return "convolution";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return "convolution, backward data";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return "convolution, backward filter";
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
      return "matmul";
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      return "pointwise";
    case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
      return "resample";
    default:
      return "resample, backward";
  }
}

struct Range {
  /// What it is for: "cuDNN's convolution, input 1".
  std::string name;
  std::byte* begin;
  size_t bytes;
  bool overlaps(const Range& other) const {
    return begin < other.begin + other.bytes && other.begin < begin + bytes;
  }
};

/// Where the stored tensors and the workspace are, checked.
class Bindings {
 public:
  Bindings(const std::vector<Operation>& operations, const Content& pack, int64_t workspaceBytes) {
    const auto uids = pack.all<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const auto pointers = pack.all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    if (uids.size() != pointers.size()) refuse(CUDNN_STATUS_BAD_PARAM, "not as many pointers as unique ids");
    for (size_t i = 0; i < uids.size(); i++) pointers_[uids[i]] = pointers[i];
    for (const Operation& operation : operations) {
      const std::string name = std::string("cuDNN's ") + nameOf(operation);
      for (size_t i = 0; i < operation.inputs.size(); i++) {
        add(name + ", input " + std::to_string(i), operation.inputs[i], inputs_);
      }
      for (const Tensor& tensor : operation.outputs) add(name, tensor, outputs_);
    }
    if (workspaceBytes > 0) {
      workspace_ = {"", static_cast<std::byte*>(pack.one<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE)),
                    static_cast<size_t>(workspaceBytes)};
      if (!emulatorContains(workspace_.begin, workspace_.bytes)) {
        refuse(CUDNN_STATUS_BAD_PARAM, "the workspace is too small, or no device memory");
      }
    }
    std::vector<Range> outputs = outputs_;
    outputs.push_back(workspace_);
    for (size_t i = 0; i < outputs.size(); i++) {
      const auto overlaps = [&](const Range& other) { return outputs[i].overlaps(other); };
      if (std::any_of(inputs_.begin(), inputs_.end(), overlaps) ||
          std::any_of(outputs.begin(), outputs.begin() + static_cast<std::ptrdiff_t>(i), overlaps)) {
        refuse(CUDNN_STATUS_BAD_PARAM, "an output overlaps another tensor or the workspace");
      }
    }
  }

  void* find(int64_t uid) const { return pointers_.at(uid); }

  /// Runs a plan between its tensors: what it reads must have been written, and what is in a workspace before
  /// and after is nobody's.
  void around(const std::function<void()>& plan) const {
    for (const Range& input : inputs_)
      emulatorExpectInitialized(input.name.c_str(), input.begin, input.bytes);
    if (workspace_.bytes > 0) emulatorForget(workspace_.begin, workspace_.bytes);
    plan();
    for (const Range& output : outputs_) emulatorInitialize(output.begin, output.bytes);
    if (workspace_.bytes > 0) emulatorForget(workspace_.begin, workspace_.bytes);
  }

 private:
  void add(const std::string& name, const Tensor& tensor, std::vector<Range>& ranges) {
    if (tensor.isVirtual) return;
    if (tensor.hasGaps()) refuse(CUDNN_STATUS_NOT_SUPPORTED, "the emulator knows no tensors with gaps");
    const auto found = pointers_.find(tensor.uid);
    if (found == pointers_.end()) {
      refuse(CUDNN_STATUS_BAD_PARAM, "no pointer for tensor " + std::to_string(tensor.uid));
    }
    if (!emulatorContains(found->second, tensor.bytes())) {
      refuse(CUDNN_STATUS_BAD_PARAM, "a tensor is not within device memory");
    }
    if (reinterpret_cast<uintptr_t>(found->second) % static_cast<uintptr_t>(tensor.alignment) != 0) {
      refuse(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
             "a tensor is not aligned to " + std::to_string(tensor.alignment) + " bytes");
    }
    ranges.push_back({name, static_cast<std::byte*>(found->second), tensor.bytes()});
  }

  std::map<int64_t, void*> pointers_;
  std::vector<Range> inputs_, outputs_;
  Range workspace_ = {"", nullptr, 0};
};

}  // namespace

size_t mlpconv::emulator::sizeOf(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_BOOLEAN:
      return sizeof(bool);
    case CUDNN_TYPE_CHAR:
      return 1;
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_HANDLE:
      return 8;
    case CUDNN_TYPE_FRACTION:
      return sizeof(cudnnFraction_t);
    case CUDNN_TYPE_DATA_TYPE:
    case CUDNN_TYPE_FLOAT:
    case CUDNN_TYPE_INT32:
    case CUDNN_TYPE_CONVOLUTION_MODE:
    case CUDNN_TYPE_HEUR_MODE:
    case CUDNN_TYPE_KNOB_TYPE:
    case CUDNN_TYPE_NAN_PROPOGATION:
    case CUDNN_TYPE_NUMERICAL_NOTE:
    case CUDNN_TYPE_BEHAVIOR_NOTE:
    case CUDNN_TYPE_POINTWISE_MODE:
    case CUDNN_TYPE_RESAMPLE_MODE:
    case CUDNN_TYPE_PADDING_MODE:
    case CUDNN_TYPE_TENSOR_REORDERING_MODE:
    case CUDNN_TYPE_OPERATIONGRAPH_MODE:
    case CUDNN_TYPE_CUDA_GRAPH_RETENTION:
      return 4;
    default:
      refuse(CUDNN_STATUS_NOT_SUPPORTED, "the emulator knows no attributes of type " + std::to_string(type));
  }
}

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED size_t cudnnGetVersion() { return CUDNN_VERSION; }
EXPORTED size_t cudnnGetCudartVersion() { return CUDART_VERSION; }

EXPORTED const char* cudnnGetErrorString(cudnnStatus_t status) {
  return status == CUDNN_STATUS_SUCCESS ? "CUDNN_STATUS_SUCCESS" : "an error of the emulated cuDNN";
}

EXPORTED void cudnnGetLastErrorString(char* message, size_t size) {
  std::strncpy(message, lastError.c_str(), size);
  if (size > 0) message[size - 1] = '\0';
}

EXPORTED cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = reinterpret_cast<cudnnHandle_t>(std::make_unique<Handle>().release());
  return CUDNN_STATUS_SUCCESS;
}

EXPORTED cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  const std::unique_ptr<Handle> owned(reinterpret_cast<Handle*>(handle));
  return CUDNN_STATUS_SUCCESS;
}

EXPORTED cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  reinterpret_cast<Handle*>(handle)->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

EXPORTED cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t* stream) {
  *stream = static_cast<cudaStream_t>(reinterpret_cast<Handle*>(handle)->stream);
  return CUDNN_STATUS_SUCCESS;
}

EXPORTED cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                                    cudnnBackendDescriptor_t* descriptor) {
  return call([&] {
    auto content = std::make_shared<Content>(Content{type, false, {}});
    *descriptor = std::make_unique<Descriptor>(Descriptor{std::move(content)}).release();
  });
}

EXPORTED cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  const std::unique_ptr<Descriptor> owned(static_cast<Descriptor*>(descriptor));
  return CUDNN_STATUS_SUCCESS;
}

EXPORTED cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                                cudnnBackendAttributeName_t name,
                                                cudnnBackendAttributeType_t type, int64_t count,
                                                const void* values) {
  return call([&] {
    Content& content = *of(descriptor).content;
    if (content.finalized) refuse(CUDNN_STATUS_NOT_INITIALIZED, "a finalized descriptor is set");
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
      Contents contents;
      for (int64_t i = 0; i < count; i++) {
        const auto& each = of(static_cast<void* const*>(values)[i]).content;
        if (!each->finalized) refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "a descriptor is not finalized");
        contents.push_back(each);
      }
      content.set(name, std::move(contents));
      return;
    }
    const auto* const data = static_cast<const std::byte*>(values);
    content.attributes[name] = {type, count, {data, data + static_cast<size_t>(count) * sizeOf(type)}, {}};
  });
}

EXPORTED cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
                                                cudnnBackendAttributeName_t name,
                                                cudnnBackendAttributeType_t type, int64_t requested,
                                                int64_t* count, void* values) {
  return call([&] {
    const Content& content = *of(descriptor).content;
    const auto found = content.attributes.find(name);
    if (found == content.attributes.end()) {
      refuse(CUDNN_STATUS_NOT_SUPPORTED, "attribute " + std::to_string(name) + " was not set");
    }
    const Attribute& attribute = found->second;
    if (attribute.type != type) refuse(CUDNN_STATUS_BAD_PARAM, "an attribute is of another type");
    if (count != nullptr) *count = attribute.count;
    const auto copied = values == nullptr ? 0 : static_cast<size_t>(std::min(requested, attribute.count));
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
      for (size_t i = 0; i < copied; i++) {
        of(static_cast<void**>(values)[i]).content = std::make_shared<Content>(*attribute.descriptors[i]);
      }
    } else if (copied > 0) {
      std::memcpy(values, attribute.bytes.data(), copied * sizeOf(type));
    }
  });
}

EXPORTED cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  return call([&] { finalize(*of(descriptor).content); });
}

EXPORTED cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                           cudnnBackendDescriptor_t pack) {
  return call([&] {
    const Content& content = *of(plan).content;
    const Content& engine =
        content.descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG).descriptor(CUDNN_ATTR_ENGINECFG_ENGINE);
    auto operations = operationsOf(engine.descriptor(CUDNN_ATTR_ENGINE_OPERATION_GRAPH));
    const Engine chosen = engineOf(engine);
    auto bindings = std::make_shared<const Bindings>(operations, *of(pack).content, chosen.workspaceBytes);
    const Work work = [operations = std::move(operations), bindings, arithmetic = chosen.arithmetic] {
      try {
        bindings->around([&] {
          execute(
              operations, [&](int64_t uid) { return bindings->find(uid); }, arithmetic);
        });
      } catch (const Refusal& refusal) {
        throw Fault{cudaErrorLaunchFailure, refusal.message};
      }
    };
    if (emulatorEnqueue(reinterpret_cast<Handle*>(handle)->stream, &work) != 0) {
      refuse(CUDNN_STATUS_EXECUTION_FAILED, "the stream takes no work");
    }
  });
}
