# Turns a CUDA source into C++ for tests/cuda/emulation.
# kernel<<<grid, block>>>(arguments) → emulated::launch(kernel, grid, block)(arguments)
s/(([A-Za-z_]+)(<[^<>;]*>)?)[ \n]*<<<([^;]*)>>>\(/emulated::launch(\1, \4)(/g
# Shared memory of a size that the launch gives.
s/extern __shared__ (__align__\([0-9]+\) )?unsigned char ([a-z_]+)\[\];/unsigned char* \2 = emulated::shared_memory();/g
# Operators register for the CPU.
s/TORCH_LIBRARY_IMPL\(pointattn, CUDA, m\)/TORCH_LIBRARY_IMPL(pointattn, CPU, m)/g
