/* SHA-256 (FIPS 180-4), of data that lies in one piece. */
#pragma once

#include "memory.h"

#define SHA256_BYTES 32

void sha256(const void *data, size_t length, uint8_t digest[SHA256_BYTES]);
