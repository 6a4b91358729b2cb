/* Text that came from user mode, made fit for one line of debugger output. */
#pragma once

#include "common.h"

#define EXAMPLE_LABEL_LENGTH 64u
#define EXAMPLE_TEXT_LENGTH 128u

/* Room for a shortened text, its "..." and its NUL. */
typedef CHAR EXAMPLE_LABEL[EXAMPLE_LABEL_LENGTH + 4];
typedef CHAR EXAMPLE_TEXT[EXAMPLE_TEXT_LENGTH + 4];

/* The name as ASCII, `?` for what is not; an empty name becomes "(device)". */
EXAMPLE_PAGED VOID Text_FromName(_Out_ EXAMPLE_LABEL *Label, _In_ PCUNICODE_STRING Name);

/* The first Length bytes as ASCII, `.` for what is not; ends in "..." if More or if too long. */
EXAMPLE_PAGED VOID Text_FromBytes(_Out_ EXAMPLE_TEXT *Text, _In_reads_bytes_(Length) const UCHAR *Bytes,
                                  _In_ ULONG Length, _In_ BOOLEAN More);
