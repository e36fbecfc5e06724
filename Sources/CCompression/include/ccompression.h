// Streaming decompression and compression of layers. Every step takes what it can of `in` and gives what it can to
// `out`; both counts come back as what was left over, and as what was written.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct ccompression_stream ccompression_stream;

enum {
  CCOMPRESSION_MORE = 0,  // wants more input, or more room
  CCOMPRESSION_END = 1,   // at the end of a member, frame or stream; another may follow
  CCOMPRESSION_BAD = -1,  // not such a stream, or damaged
  CCOMPRESSION_BIG = -2,  // needs more memory than is allowed (a zstd window or an xz dictionary of over 64 MiB)
};

/// Null when there is no memory.
ccompression_stream *ccompression_gunzip(void);
ccompression_stream *ccompression_unzstd(void);
ccompression_stream *ccompression_unxz(void);
ccompression_stream *ccompression_bunzip(void);
ccompression_stream *ccompression_gzip(void);
ccompression_stream *ccompression_zstd(void);
void ccompression_free(ccompression_stream *stream);

/// One step. `*in` is what there is to read and afterwards what is left; `*out` is the room and afterwards what was
/// written. `is_last`: nothing follows this input (compressors only; repeat it until CCOMPRESSION_END).
int ccompression_step(
    ccompression_stream *stream, const uint8_t *input, size_t *in, uint8_t *output, size_t *out, int is_last);
