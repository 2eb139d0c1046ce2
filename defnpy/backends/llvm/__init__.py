"""The one emitter of LLVM from the Kernel language."""
