// The runtime's first instructions: see guard.c.
#pragma once

/// Where the kernel begins to execute the binary (the linker's -e).
void drydock_start(void);
