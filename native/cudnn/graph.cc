#include "graph.h"

#include <numeric>

#include "autotune.h"
#include "device.h"
#include "planCache.h"
#include "resampleBackward.h"

namespace mlpconv {
namespace {

using fe::graph::Tensor_attributes;

/// Channels-last.
std::vector<int64_t> stridesOf(const std::vector<int64_t>& shape) {
  const int64_t c = shape[1], h = shape[2], w = shape[3];
  return {h * w * c, 1, w * c, c};
}

/// Gives access to what cudnn-frontend keeps for its own nodes and plans.
class FrontendGraph : public fe::graph::Graph {
 public:
  GraphTensor resampleBackward(ResampleBackwardAttributes attributes, const std::vector<int64_t>& shape) {
    const GraphTensor dx = output_tensor("dx");
    dx->set_dim(shape).set_stride(stridesOf(shape));
    attributes.outputs[ResampleBackwardAttributes::output_names::DX] = dx;
    sub_nodes.emplace_back(std::make_unique<ResampleBackwardNode>(std::move(attributes), context));
    return dx;
  }

  /// The plan that was built last.
  const std::shared_ptr<fe::ExecutionPlan>& plan() const { return planAt(plans.candidate); }

  const std::shared_ptr<fe::ExecutionPlan>& planAt(int64_t i) const {
    return plans.execution_plans.at(static_cast<size_t>(i));
  }

  /// All that tells this graph from another.
  std::string description() const {
    nlohmann::json json;
    serialize(json);
    json.erase("gid");
    return json.dump();
  }
};

void check(const fe::error_t& status) {
  if (status.is_bad()) throw DeviceError("cuDNN: " + status.err_msg);
}

fe::DataType_t dataType(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return fe::DataType_t::FLOAT;
    case DType::bfloat16:
      return fe::DataType_t::BFLOAT16;
    default:
      throw DTypeError("expected float32 or bfloat16 in a cuDNN graph");
  }
}

/// Of a place in the window. INT8 is what cuDNN's own examples use; it has no room for windows of more
/// places.
fe::DataType_t indexType(const Window& window) {
  const bool isSmall = window.kernelSize[0] * window.kernelSize[1] <= INT8_MAX + 1;
  return isSmall ? fe::DataType_t::INT8 : fe::DataType_t::INT32;
}

size_t bytes(fe::DataType_t type, const std::vector<int64_t>& shape) {
  const size_t size = type == fe::DataType_t::BFLOAT16 ? 2 : type == fe::DataType_t::INT8 ? 1 : 4;
  return std::accumulate(shape.begin(), shape.end(), size, std::multiplies<>());
}

void setLayout(Tensor_attributes& tensor, const std::vector<int64_t>& shape) {
  if (shape.size() == 2) {
    tensor.set_dim({1, shape[0], shape[1]}).set_stride({shape[0] * shape[1], shape[1], 1});
  } else {
    tensor.set_dim(shape).set_stride(stridesOf(shape));
  }
}

/// What the last window needs behind the image: less than nothing where rows are left over.
std::vector<int64_t> postPadding(const Window& window, const std::vector<int64_t>& xShape,
                                 const std::vector<int64_t>& yShape) {
  std::vector<int64_t> padding;
  for (const size_t i : {0, 1}) {
    padding.push_back((yShape[2 + i] - 1) * window.stride[i] + window.kernelSize[i] - xShape[2 + i] -
                      window.padding[i]);
  }
  return padding;
}

std::vector<cudnnFraction_t> fractions(const std::vector<int64_t>& values) {
  std::vector<cudnnFraction_t> result;
  for (const int64_t value : values) result.push_back({value, 1});
  return result;
}

fe::graph::Resample_attributes pooling(const Window& window, const std::vector<int64_t>& xShape,
                                       const std::vector<int64_t>& yShape) {
  fe::graph::Resample_attributes attributes;
  attributes.set_window(window.kernelSize)
      .set_stride(window.stride)
      .set_pre_padding(window.padding)
      .set_post_padding(postPadding(window, xShape, yShape));
  return attributes;
}

ResampleBackwardAttributes poolingBackward(const GraphTensor& dy, const Window& window,
                                           const std::vector<int64_t>& xShape) {
  ResampleBackwardAttributes attributes;
  attributes.inputs[ResampleBackwardAttributes::input_names::DY] = dy;
  attributes.window = fractions(window.kernelSize);
  attributes.stride = fractions(window.stride);
  attributes.prePadding = fractions(window.padding);
  attributes.postPadding = fractions(postPadding(window, xShape, dy->get_dim()));
  return attributes;
}

std::shared_ptr<const fe::DeviceProperties> deviceProperties(const CudaDevice& device) {
  const std::string& json = device.properties();
  auto properties = std::make_shared<fe::DeviceProperties>();
  check(properties->deserialize({json.begin(), json.end()}));
  return properties;
}

/// "eng33_k2=2_k6=0 rtc": the engine's number and knobs, and whether its kernel is compiled at run time.
std::string nameOf(const fe::ExecutionPlan& plan) {
  const std::string& tag = plan.getTag();
  const size_t engine = tag.rfind("eng");
  std::string name = engine == std::string::npos ? tag : tag.substr(engine);
  for (const cudnnBackendBehaviorNote_t note : plan.getAllBehaviorNotes()) {
    if (note == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) name += " rtc";
  }
  return name;
}

/// A plan; its pointers come in the order of `uids`: first the inputs', then the outputs'.
class GraphKernel final : public Kernel {
 public:
  GraphKernel(const CudaDevice& device, std::shared_ptr<fe::ExecutionPlan> plan, std::string name,
              std::vector<int64_t> uids, std::vector<size_t> outputBytes)
      : device_(device),
        plan_(std::move(plan)),
        name_(std::move(name)),
        uids_(std::move(uids)),
        outputBytes_(std::move(outputBytes)) {}

  size_t workspaceBytes() const override { return static_cast<size_t>(plan_->getWorkspaceSize()); }
  size_t opaqueBytes(size_t output) const override { return outputBytes_.at(output); }
  std::string implementation() const override { return name_; }

  void run(const Arguments& arguments) override {
    std::vector<void*> pointers(arguments.inputs.begin(), arguments.inputs.end());
    pointers.insert(pointers.end(), arguments.outputs.begin(), arguments.outputs.end());
    for (const void* pointer : pointers) {
      if (reinterpret_cast<uintptr_t>(pointer) % alignment != 0) {
        throw DeviceError("expected tensors at multiples of " + std::to_string(alignment) +
                          " bytes, which cuDNN needs");
      }
    }
    // Not Graph::execute, which wants the driver's library besides the runtime's.
    check(fe::detail::execute(device_.cudnnHandle(), plan_.get(), pointers, uids_, arguments.workspace));
  }

 private:
  /// What Tensor_attributes promise cuDNN.
  static constexpr uintptr_t alignment = 16;

  const CudaDevice& device_;
  std::shared_ptr<fe::ExecutionPlan> plan_;
  std::string name_;
  std::vector<int64_t> uids_;
  std::vector<size_t> outputBytes_;
};

}  // namespace

struct Graph::State {
  State(CudaDevice& cudaDevice, Arithmetic allowed) : device(cudaDevice), arithmetic(allowed) {}

  CudaDevice& device;
  Arithmetic arithmetic;
  /// What the plans are built with. Null on a device that is only a description.
  std::shared_ptr<cudnnContext> planningHandle;
  FrontendGraph graph;
  std::vector<int64_t> inputs, outputs;
  std::vector<size_t> inputBytes, outputBytes;
  int64_t nextUid = 1;

  GraphTensor tensor(fe::DataType_t type, const std::vector<int64_t>& shape) {
    Tensor_attributes attributes;
    setLayout(attributes, shape);
    attributes.set_data_type(type).set_uid(nextUid);
    inputs.push_back(nextUid++);
    inputBytes.push_back(bytes(type, shape));
    return graph.tensor(attributes);
  }

  void store(Tensor_attributes& tensor, fe::DataType_t type, const std::vector<int64_t>& shape) {
    setLayout(tensor, shape);
    tensor.set_output(true).set_data_type(type).set_uid(nextUid);
    outputs.push_back(nextUid++);
    outputBytes.push_back(bytes(type, shape));
  }

  GraphTensor pointwise(fe::PointwiseMode_t mode, const GraphTensor& a, const GraphTensor& b = nullptr) {
    const auto attributes = fe::graph::Pointwise_attributes().set_mode(mode);
    return b ? graph.pointwise(a, b, attributes) : graph.pointwise(a, attributes);
  }

  /// All that could change which plan is built, or whether an old one still runs.
  std::string key() const {
    const auto properties = nlohmann::json::parse(device.properties());
    const nlohmann::json key = {
        {"format", 2},
        {"cudnn", fe::detail::get_backend_version()},
        {"frontend", CUDNN_FRONTEND_VERSION},
        {"device", properties.value("deviceName", "")},
        {"computeCapability", device.computeCapability()},
        {"multiprocessors", properties.value("multiProcessorCount", 0)},
        {"present", device.cudnnHandle() != nullptr},
        {"tensorCores", arithmetic.tensorCores},
        {"transforms", arithmetic.transforms},
        {"autotune", device.autotunes()},
        {"graph", graph.description()},
    };
    return key.dump();
  }

  std::shared_ptr<Kernel> kernel(std::shared_ptr<fe::ExecutionPlan> plan, std::string name) const {
    std::vector<int64_t> uids = inputs;
    uids.insert(uids.end(), outputs.begin(), outputs.end());
    return std::make_shared<GraphKernel>(device, std::move(plan), std::move(name), std::move(uids),
                                         outputBytes);
  }

  void deselect() {
    using Note = fe::NumericalNote_t;
    std::vector<Note> notes = {Note::NONDETERMINISTIC, Note::REDUCED_PRECISION_REDUCTION};
    if (!arithmetic.tensorCores) {
      notes.insert(notes.end(), {Note::TENSOR_CORE, Note::DOWN_CONVERT_INPUTS});
    }
    if (!arithmetic.transforms) {
      notes.insert(notes.end(), {Note::FFT, Note::WINOGRAD, Note::WINOGRAD_TILE_4x4, Note::WINOGRAD_TILE_6x6,
                                 Note::WINOGRAD_TILE_13x13});
    }
    graph.deselect_numeric_notes(notes);
  }

  /// Engine 3 of a pooling runs the kernel for float32 on bfloat16 too: cuDNN 9.19 and 9.28 make the same
  /// code for both, and on an H100 the numbers were wrong.
  void deselectFaultyPooling(const GraphTensor& x) {
    if (x->get_data_type() == fe::DataType_t::BFLOAT16) graph.deselect_engines({"eng3"});
  }

  /// Throws NoEngineError if the attempt failed.
  void expect(const fe::error_t& status) const {
    if (status.is_good()) return;
    // It has a line for each engine, which all say much the same.
    constexpr size_t most = 300;
    std::string reason = status.err_msg.substr(0, most);
    std::replace(reason.begin(), reason.end(), '\n', ' ');
    throw NoEngineError("cuDNN has no engine for this on compute capability " +
                        std::to_string(device.computeCapability()) + ": " + reason);
  }

  /// What cuDNN's heuristics think best; where plans are measured, the few best.
  std::vector<std::shared_ptr<fe::ExecutionPlan>> plans() {
    planningHandle = device.planningHandle();
    expect(graph.build_operation_graph(planningHandle.get()));
    expect(graph.create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}));
    deselect();
    expect(graph.check_support());
    if (!device.autotunes()) {
      expect(graph.build_plans());
      return {graph.plan()};
    }
    constexpr size_t most = 8;
    std::vector<std::shared_ptr<fe::ExecutionPlan>> plans;
    fe::error_t status;
    for (int64_t i = 0; i < graph.get_execution_plan_count() && plans.size() < most; i++) {
      status = graph.build_plan_at_index(i);
      if (status.is_good()) plans.push_back(graph.planAt(i));
    }
    if (plans.empty()) expect(status);
    return plans;
  }

  std::shared_ptr<fe::ExecutionPlan> load(const std::string& json) {
    const std::lock_guard lock(device.handleMutex());
    fe::ExecutionPlanBuilder builder;
    builder.setCudaGraphRetention(retention);
    if (device.cudnnHandle() != nullptr) {
      builder.setHandle(device.cudnnHandle());
    } else {
      builder.setDeviceProperties(deviceProperties(device));
    }
    try {
      return std::make_shared<fe::ExecutionPlan>(builder.loadFromJson(json));
    } catch (const fe::cudnnException&) {
      return nullptr;  // Of another build of the libraries: it is made anew.
    }
  }

  /// Others go on making plans meanwhile, which takes no time from the GPU.
  size_t fastest(std::span<const std::shared_ptr<Kernel>> kernels) {
    const std::lock_guard lock(device.handleMutex());
    return mlpconv::fastest(device, kernels, inputBytes, outputBytes);
  }

  /// A captured step holds its kernels itself.
  static constexpr auto retention = fe::CudaGraphRetention_t::NONE;
};

Graph::Graph(CudaDevice& device, Arithmetic arithmetic)
    : state_(std::make_unique<State>(device, arithmetic)) {
  FrontendGraph& graph = state_->graph;
  graph.set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT)
      .set_sm_version(device.computeCapability())
      .set_cuda_graph_retention(State::retention);
  if (device.cudnnHandle() == nullptr) graph.set_device_properties(deviceProperties(device));
}

Graph::~Graph() = default;

GraphTensor Graph::input(const TensorSpec& spec) { return state_->tensor(dataType(spec.dtype), spec.shape); }

GraphTensor Graph::inputTransposed(const TensorSpec& spec) {
  const GraphTensor tensor = input(spec);
  tensor->set_dim({1, spec.shape[1], spec.shape[0]}).set_stride({spec.elements(), 1, spec.shape[1]});
  return tensor;
}

GraphTensor Graph::inputIndex(const std::vector<int64_t>& shape, const Window& window) {
  return state_->tensor(indexType(window), shape);
}

void Graph::output(const GraphTensor& tensor, const TensorSpec& spec) {
  state_->store(*tensor, dataType(spec.dtype), spec.shape);
}

void Graph::outputIndex(const GraphTensor& index, const std::vector<int64_t>& shape, const Window& window) {
  state_->store(*index, indexType(window), shape);
}

GraphTensor Graph::convolution(const GraphTensor& x, const GraphTensor& weight, const Window& window) {
  const auto attributes = fe::graph::Conv_fprop_attributes()
                              .set_padding(window.padding)
                              .set_stride(window.stride)
                              .set_dilation({1, 1});
  return state_->graph.conv_fprop(x, weight, attributes);
}

GraphTensor Graph::convolutionBackwardData(const GraphTensor& dy, const GraphTensor& weight,
                                           const Window& window, const std::vector<int64_t>& shape) {
  const auto attributes = fe::graph::Conv_dgrad_attributes()
                              .set_padding(window.padding)
                              .set_stride(window.stride)
                              .set_dilation({1, 1});
  const GraphTensor dx = state_->graph.conv_dgrad(dy, weight, attributes);
  dx->set_dim(shape).set_stride(stridesOf(shape));
  return dx;
}

GraphTensor Graph::convolutionBackwardWeights(const GraphTensor& dy, const GraphTensor& x,
                                              const Window& window, const std::vector<int64_t>& shape) {
  const auto attributes = fe::graph::Conv_wgrad_attributes()
                              .set_padding(window.padding)
                              .set_stride(window.stride)
                              .set_dilation({1, 1});
  const GraphTensor dw = state_->graph.conv_wgrad(dy, x, attributes);
  dw->set_dim(shape).set_stride(stridesOf(shape));
  return dw;
}

GraphTensor Graph::matmul(const GraphTensor& a, const GraphTensor& b) {
  return state_->graph.matmul(a, b, fe::graph::Matmul_attributes());
}

GraphTensor Graph::add(const GraphTensor& a, const GraphTensor& b) {
  return state_->pointwise(fe::PointwiseMode_t::ADD, a, b);
}

GraphTensor Graph::relu(const GraphTensor& x) { return state_->pointwise(fe::PointwiseMode_t::RELU_FWD, x); }

GraphTensor Graph::reluBackward(const GraphTensor& dy, const GraphTensor& y) {
  return state_->pointwise(fe::PointwiseMode_t::RELU_BWD, dy, y);
}

GraphTensor Graph::identity(const GraphTensor& x) {
  return state_->pointwise(fe::PointwiseMode_t::IDENTITY, x);
}

Graph::MaxPool Graph::maxPool(const GraphTensor& x, const Window& window, const std::vector<int64_t>& yShape,
                              bool index) {
  state_->deselectFaultyPooling(x);
  auto attributes = pooling(window, x->get_dim(), yShape);
  attributes.set_resampling_mode(fe::ResampleMode_t::MAXPOOL)
      .set_padding_mode(fe::PaddingMode_t::NEG_INF_PAD)
      .set_generate_index(index);
  const auto [y, indexTensor] = state_->graph.resample(x, attributes);
  return {y, indexTensor};
}

GraphTensor Graph::maxPoolBackward(const GraphTensor& dy, const GraphTensor& index, const Window& window,
                                   const std::vector<int64_t>& shape) {
  auto attributes = poolingBackward(dy, window, shape);
  attributes.inputs[ResampleBackwardAttributes::input_names::Index] = index;
  attributes.mode = fe::ResampleMode_t::MAXPOOL;
  attributes.paddingMode = fe::PaddingMode_t::NEG_INF_PAD;
  return state_->graph.resampleBackward(std::move(attributes), shape);
}

namespace {

/// A window of one pixel has no padding to count, and cuDNN's engines that count it do not compile then.
fe::ResampleMode_t averageMode(const Window& window, bool countIncludePad) {
  const bool isPixel = window.kernelSize[0] == 1 && window.kernelSize[1] == 1;
  return countIncludePad && !isPixel ? fe::ResampleMode_t::AVGPOOL_INCLUDE_PADDING
                                     : fe::ResampleMode_t::AVGPOOL_EXCLUDE_PADDING;
}

}  // namespace

GraphTensor Graph::averagePool(const GraphTensor& x, const Window& window, const std::vector<int64_t>& yShape,
                               bool countIncludePad) {
  state_->deselectFaultyPooling(x);
  auto attributes = pooling(window, x->get_dim(), yShape);
  attributes.set_resampling_mode(averageMode(window, countIncludePad))
      .set_padding_mode(fe::PaddingMode_t::ZERO_PAD)
      .set_generate_index(false);
  return state_->graph.resample(x, attributes)[0];
}

GraphTensor Graph::averagePoolBackward(const GraphTensor& dy, const Window& window,
                                       const std::vector<int64_t>& shape, bool countIncludePad) {
  auto attributes = poolingBackward(dy, window, shape);
  attributes.mode = averageMode(window, countIncludePad);
  attributes.paddingMode = fe::PaddingMode_t::ZERO_PAD;
  return state_->graph.resampleBackward(std::move(attributes), shape);
}

std::shared_ptr<Kernel> Graph::build() {
  State& state = *state_;
  try {
    check(state.graph.validate());
    const PlanCache cache(state.device.planFolder());
    const std::string key = state.key();
    if (const auto found = cache.read(key)) {
      const size_t line = found->find('\n');
      if (line != std::string::npos) {
        if (auto plan = state.load(found->substr(line + 1)))
          return state.kernel(plan, found->substr(0, line));
      }
    }
    std::vector<std::shared_ptr<Kernel>> kernels;
    std::vector<std::string> entries;
    for (const auto& plan : state.plans()) {
      const std::string name = nameOf(*plan);
      const std::string json = plan->getJsonRepresentation();
      // It runs with another handle than it was built with, as one of the cache does.
      auto loaded = state.load(json);
      kernels.push_back(state.kernel(loaded ? std::move(loaded) : plan, name));
      entries.push_back(name + "\n" + json);
    }
    const size_t best = kernels.size() == 1 ? 0 : state.fastest(kernels);
    cache.write(key, entries[best]);
    return kernels[best];
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw DeviceError(std::string("cuDNN: ") + error.what());
  }
}

}  // namespace mlpconv
