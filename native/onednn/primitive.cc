#include "primitive.h"

#include <omp.h>

namespace mlpconv {
namespace {

constexpr size_t alignment = 64;

dnnl::memory::data_type dataType(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return dnnl::memory::data_type::f32;
    case DType::bfloat16:
      return dnnl::memory::data_type::bf16;
    default:
      throw DTypeError("oneDNN's primitives are for float32 and bfloat16");
  }
}

void* locate(const Place& place, const Arguments& arguments) {
  switch (place.in) {
    case Place::In::inputs:
      return arguments.inputs[place.at];
    case Place::In::outputs:
      return arguments.outputs[place.at];
    case Place::In::workspace:
      return static_cast<std::byte*>(arguments.workspace) + place.at;
  }
  return nullptr;
}

}  // namespace

Team::Team(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }

Team::~Team() { omp_set_num_threads(before_); }

PrimitiveKernel::PrimitiveKernel(const OneDnnDevice& device)
    : engine_(device.engine()), stream_(device.stream()), threads_(omp_get_max_threads()) {}

Place PrimitiveKernel::temporary(size_t bytes) {
  const Place place = {Place::In::workspace, workspaceBytes_};
  workspaceBytes_ += (bytes + alignment - 1) / alignment * alignment;
  return place;
}

void PrimitiveKernel::append(const dnnl::primitive& primitive, const dnnl::primitive_desc_base& desc,
                             std::vector<PrimitiveArgument> arguments) {
  const dnnl::memory::desc scratchpad = desc.scratchpad_desc();
  if (scratchpad.get_size() > 0) {
    arguments.push_back({DNNL_ARG_SCRATCHPAD, scratchpad, temporary(scratchpad.get_size())});
  }
  Step step = {primitive, desc.impl_info_str(), {}, {}};
  for (const PrimitiveArgument& argument : arguments) {
    step.bindings.push_back({dnnl::memory(argument.desc, engine_, DNNL_MEMORY_NONE), argument.place});
    step.arguments.push_back({argument.name, step.bindings.back().memory.get()});
  }
  steps_.push_back(std::move(step));
}

void PrimitiveKernel::addReorder(const dnnl::memory::desc& from, Place source, const dnnl::memory::desc& to,
                                 Place destination, bool accumulate) {
  dnnl::post_ops postOps;
  if (accumulate) postOps.append_sum();
  add<dnnl::reorder>({engine_, from, engine_, to, attributes(postOps)},
                     {{DNNL_ARG_FROM, from, source}, {DNNL_ARG_TO, to, destination}});
}

Place PrimitiveKernel::fetch(const dnnl::memory::desc& given, Place source,
                             const dnnl::memory::desc& wanted) {
  if (given == wanted) return source;
  const Place place = temporary(wanted.get_size());
  addReorder(given, source, wanted, place);
  return place;
}

Place PrimitiveKernel::reserve(const dnnl::memory::desc& made, const dnnl::memory::desc& wanted,
                               Place destination, bool accumulate) {
  return made == wanted && !accumulate ? destination : temporary(made.get_size());
}

void PrimitiveKernel::deliver(const dnnl::memory::desc& made, Place source, const dnnl::memory::desc& wanted,
                              Place destination, bool accumulate) {
  if (source != destination) addReorder(made, source, wanted, destination, accumulate);
}

void PrimitiveKernel::pack(const OneDnnDevice& device, size_t input, const dnnl::memory::desc& from,
                           const dnnl::memory::desc& to) {
  if (from == to) return;
  const auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->addReorder(from, Place::input(0), to, Place::output(0));
  kernel->setOpaqueBytes(to.get_size());
  packs_.push_back({input, to.get_size(), kernel});
}

std::vector<std::string> PrimitiveKernel::implementations() const {
  std::vector<std::string> names;
  for (const Step& step : steps_) names.push_back(step.implementation);
  return names;
}

std::string PrimitiveKernel::implementation() const {
  std::string text;
  for (const std::string& name : implementations()) text += (text.empty() ? "" : " + ") + name;
  return text;
}

void PrimitiveKernel::run(const Arguments& arguments) {
  const Team team(threads_);
  for (Step& step : steps_) {
    for (Binding& binding : step.bindings) {
      binding.memory.set_data_handle(locate(binding.place, arguments));
    }
    const dnnl_status_t status = dnnl_primitive_execute(
        step.primitive.get(), stream_.get(), static_cast<int>(step.arguments.size()), step.arguments.data());
    if (status != dnnl_success) {
      throw DeviceError("oneDNN's " + step.implementation + " failed with status " + std::to_string(status));
    }
  }
}

dnnl::memory::desc layout(const TensorSpec& tensor) {
  using Tag = dnnl::memory::format_tag;
  constexpr Tag tags[] = {Tag::undef, Tag::a, Tag::ab, Tag::undef, Tag::nhwc};
  return {tensor.shape, dataType(tensor.dtype), tags[tensor.shape.size()]};
}

dnnl::memory::desc anyLayout(const TensorSpec& tensor) {
  return {tensor.shape, dataType(tensor.dtype), dnnl::memory::format_tag::any};
}

dnnl::memory::desc flat(const TensorSpec& tensor) {
  return {{tensor.elements()}, dataType(tensor.dtype), dnnl::memory::format_tag::a};
}

dnnl::primitive_attr attributes(const dnnl::post_ops& postOps) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  attributes.set_post_ops(postOps);
  return attributes;
}

}  // namespace mlpconv
