#include "ccompression.h"

#include <bzlib.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum kind { GUNZIP, UNZSTD, UNXZ, BUNZIP, GZIP, ZSTD };

struct ccompression_stream {
  enum kind kind;
  int is_over;  // of a member: the next byte begins another
  union {
    struct inflate_state *inflate;
    struct isal_zstream *deflate;
    ZSTD_DCtx *unzstd;
    ZSTD_CCtx *zstd;
    lzma_stream *xz;
    bz_stream *bzip;
    void *any;
  };
};

static ccompression_stream *made(enum kind kind, void *state) {
  ccompression_stream *stream = state ? calloc(1, sizeof *stream) : NULL;
  if (!stream) return NULL;
  stream->kind = kind;
  stream->any = state;
  return stream;
}

ccompression_stream *ccompression_gunzip(void) {
  struct inflate_state *state = malloc(sizeof *state);
  if (state) {
    isal_inflate_init(state);
    state->crc_flag = ISAL_GZIP;
  }
  ccompression_stream *stream = made(GUNZIP, state);
  if (!stream) free(state);
  return stream;
}

ccompression_stream *ccompression_unzstd(void) {
  ZSTD_DCtx *state = ZSTD_createDCtx();
  if (state) ZSTD_DCtx_setParameter(state, ZSTD_d_windowLogMax, 26);
  ccompression_stream *stream = made(UNZSTD, state);
  if (!stream) ZSTD_freeDCtx(state);
  return stream;
}

static int begin_xz(lzma_stream *state) { return lzma_stream_decoder(state, 72u << 20, 0) == LZMA_OK; }

ccompression_stream *ccompression_unxz(void) {
  lzma_stream *state = calloc(1, sizeof *state);
  ccompression_stream *stream = state && begin_xz(state) ? made(UNXZ, state) : NULL;
  if (!stream && state) {
    lzma_end(state);
    free(state);
  }
  return stream;
}

ccompression_stream *ccompression_bunzip(void) {
  bz_stream *state = calloc(1, sizeof *state);
  ccompression_stream *stream = state && BZ2_bzDecompressInit(state, 0, 0) == BZ_OK ? made(BUNZIP, state) : NULL;
  if (!stream && state) {
    BZ2_bzDecompressEnd(state);
    free(state);
  }
  return stream;
}

ccompression_stream *ccompression_gzip(void) {
  struct isal_zstream *state = malloc(sizeof *state);
  if (state) {
    isal_deflate_init(state);
    state->gzip_flag = IGZIP_GZIP;
    state->level = 2;
    state->level_buf_size = ISAL_DEF_LVL2_DEFAULT;
    state->level_buf = malloc(ISAL_DEF_LVL2_DEFAULT);
    if (!state->level_buf) {
      free(state);
      state = NULL;
    }
  }
  ccompression_stream *stream = made(GZIP, state);
  if (!stream && state) {
    free(state->level_buf);
    free(state);
  }
  return stream;
}

ccompression_stream *ccompression_zstd(void) {
  ZSTD_CCtx *state = ZSTD_createCCtx();
  if (state) ZSTD_CCtx_setParameter(state, ZSTD_c_checksumFlag, 1);
  ccompression_stream *stream = made(ZSTD, state);
  if (!stream) ZSTD_freeCCtx(state);
  return stream;
}

void ccompression_free(ccompression_stream *stream) {
  if (!stream) return;
  switch (stream->kind) {
    case GUNZIP: free(stream->inflate); break;
    case GZIP:
      free(stream->deflate->level_buf);
      free(stream->deflate);
      break;
    case UNZSTD: ZSTD_freeDCtx(stream->unzstd); break;
    case UNXZ:
      lzma_end(stream->xz);
      free(stream->xz);
      break;
    case BUNZIP:
      BZ2_bzDecompressEnd(stream->bzip);
      free(stream->bzip);
      break;
    case ZSTD: ZSTD_freeCCtx(stream->zstd); break;
  }
  free(stream);
}

static uint32_t clamped(size_t count) { return count > 1u << 30 ? 1u << 30 : (uint32_t)count; }

static int gunzip(ccompression_stream *stream, const uint8_t *input, size_t *in, uint8_t *output, size_t *out) {
  struct inflate_state *state = stream->inflate;
  if (stream->is_over) {
    isal_inflate_reset(state);
    state->crc_flag = ISAL_GZIP;
    stream->is_over = 0;
  }
  uint32_t given = clamped(*in), room = clamped(*out);
  state->next_in = (uint8_t *)input;
  state->avail_in = given;
  state->next_out = output;
  state->avail_out = room;
  int result = isal_inflate(state);
  *in -= given - state->avail_in;
  *out = room - state->avail_out;
  if (result < 0 || result == ISAL_NEED_DICT) return CCOMPRESSION_BAD;
  if (state->block_state != ISAL_BLOCK_FINISH) return CCOMPRESSION_MORE;
  stream->is_over = 1;
  return CCOMPRESSION_END;
}

static int unxz(ccompression_stream *stream, const uint8_t *input, size_t *in, uint8_t *output, size_t *out) {
  lzma_stream *state = stream->xz;
  if (stream->is_over) {
    // Padding between streams (xz-file-format, 2.2).
    while (*in > 0 && *input == 0) input++, --*in;
    if (*in == 0) {
      *out = 0;
      return CCOMPRESSION_END;
    }
    lzma_end(state);
    *state = (lzma_stream)LZMA_STREAM_INIT;
    if (!begin_xz(state)) return CCOMPRESSION_BIG;
    stream->is_over = 0;
  }
  size_t room = *out;
  state->next_in = input;
  state->avail_in = *in;
  state->next_out = output;
  state->avail_out = room;
  lzma_ret result = lzma_code(state, LZMA_RUN);
  *in = state->avail_in;
  *out = room - state->avail_out;
  if (result == LZMA_STREAM_END) {
    stream->is_over = 1;
    return CCOMPRESSION_END;
  }
  if (result == LZMA_MEMLIMIT_ERROR || result == LZMA_MEM_ERROR) return CCOMPRESSION_BIG;
  // LZMA_BUF_ERROR: nothing could be done with what there was, which is for the caller to see.
  return result == LZMA_OK || result == LZMA_BUF_ERROR ? CCOMPRESSION_MORE : CCOMPRESSION_BAD;
}

static int bunzip(ccompression_stream *stream, const uint8_t *input, size_t *in, uint8_t *output, size_t *out) {
  bz_stream *state = stream->bzip;
  if (stream->is_over) {
    if (*in == 0) {
      *out = 0;
      return CCOMPRESSION_END;
    }
    BZ2_bzDecompressEnd(state);
    *state = (bz_stream){0};
    if (BZ2_bzDecompressInit(state, 0, 0) != BZ_OK) return CCOMPRESSION_BIG;
    stream->is_over = 0;
  }
  uint32_t given = clamped(*in), room = clamped(*out);
  state->next_in = (char *)input;
  state->avail_in = given;
  state->next_out = (char *)output;
  state->avail_out = room;
  int result = BZ2_bzDecompress(state);
  *in -= given - state->avail_in;
  *out = room - state->avail_out;
  if (result == BZ_STREAM_END) {
    stream->is_over = 1;
    return CCOMPRESSION_END;
  }
  if (result == BZ_MEM_ERROR) return CCOMPRESSION_BIG;
  return result == BZ_OK ? CCOMPRESSION_MORE : CCOMPRESSION_BAD;
}

static int gzip(
    ccompression_stream *stream, const uint8_t *input, size_t *in, uint8_t *output, size_t *out, int is_last) {
  struct isal_zstream *state = stream->deflate;
  uint32_t given = clamped(*in), room = clamped(*out);
  state->next_in = (uint8_t *)input;
  state->avail_in = given;
  state->next_out = output;
  state->avail_out = room;
  state->end_of_stream = is_last && given == *in;
  int result = isal_deflate(state);
  *in -= given - state->avail_in;
  *out = room - state->avail_out;
  if (result != COMP_OK) return CCOMPRESSION_BAD;
  return state->internal_state.state == ZSTATE_END ? CCOMPRESSION_END : CCOMPRESSION_MORE;
}

int ccompression_step(
    ccompression_stream *stream, const uint8_t *input, size_t *in, uint8_t *output, size_t *out, int is_last) {
  if (stream->kind == GUNZIP) return gunzip(stream, input, in, output, out);
  if (stream->kind == UNXZ) return unxz(stream, input, in, output, out);
  if (stream->kind == BUNZIP) return bunzip(stream, input, in, output, out);
  if (stream->kind == GZIP) return gzip(stream, input, in, output, out, is_last);
  ZSTD_inBuffer source = {input, *in, 0};
  ZSTD_outBuffer sink = {output, *out, 0};
  size_t left;
  if (stream->kind == UNZSTD) {
    left = ZSTD_decompressStream(stream->unzstd, &sink, &source);
  } else {
    left = ZSTD_compressStream2(stream->zstd, &sink, &source, is_last ? ZSTD_e_end : ZSTD_e_continue);
  }
  *in -= source.pos;
  *out = sink.pos;
  if (ZSTD_isError(left)) {
    ZSTD_ErrorCode code = ZSTD_getErrorCode(left);
    int is_big = code == ZSTD_error_frameParameter_windowTooLarge || code == ZSTD_error_memory_allocation;
    return is_big ? CCOMPRESSION_BIG : CCOMPRESSION_BAD;
  }
  if (stream->kind == ZSTD && !is_last) return CCOMPRESSION_MORE;
  return left == 0 ? CCOMPRESSION_END : CCOMPRESSION_MORE;
}
