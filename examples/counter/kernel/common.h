/* System headers, and the sections that code goes to. */
#pragma once

#ifdef __MINGW32__
/*
 * mingw-w64's wdm.h defines these two as static after another of its headers has declared them extern, so that every
 * object would export them: declare first, then let wdm.h define them under other names.
 */
#include <intrin.h>
#define InterlockedBitTestAndSet Wdm_InterlockedBitTestAndSet
#define InterlockedBitTestAndReset Wdm_InterlockedBitTestAndReset
#include <ntddk.h>
#undef InterlockedBitTestAndSet
#undef InterlockedBitTestAndReset
#else
#include <ntddk.h>
#endif

#include "counter_ioctl.h"

/* Annotations that the WDK's analysis knows and mingw-w64's headers do not name. */
#ifndef _Dispatch_type_
#define _Dispatch_type_(type)
#endif

#define COUNTER_INIT __declspec(code_seg("INIT"))
#define COUNTER_PAGED __declspec(code_seg("PAGE"))
