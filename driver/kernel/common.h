/* What every kernel source needs: system headers, build switches, sections, pool tags. */
#pragma once

#ifdef __MINGW32__
/*
 * mingw-w64's wdm.h defines these two as static after another of its headers has declared them extern, so that every
 * object would export them: declare first, then let wdm.h define them under other names.
 */
#include <intrin.h>
#define InterlockedBitTestAndSet Wdm_InterlockedBitTestAndSet
#define InterlockedBitTestAndReset Wdm_InterlockedBitTestAndReset
#include <ntifs.h>
#undef InterlockedBitTestAndSet
#undef InterlockedBitTestAndReset
#else
#include <ntifs.h>
#endif

#include "example_ioctl.h"

/* Annotations that the WDK's analysis knows and mingw-w64's headers do not name. */
#ifndef _Dispatch_type_
#define _Dispatch_type_(type)
#endif
#ifndef _Function_class_
#define _Function_class_(type)
#endif

#if (defined(EXAMPLE_IO_DIRECT) + defined(EXAMPLE_IO_BUFFERED) + defined(EXAMPLE_IO_NEITHER)) != 1
#error "define exactly one of EXAMPLE_IO_DIRECT, EXAMPLE_IO_BUFFERED, EXAMPLE_IO_NEITHER"
#endif

#define EXAMPLE_INIT __declspec(code_seg("INIT"))
#define EXAMPLE_PAGED __declspec(code_seg("PAGE"))

/* Tags read backwards in the source so that they read forwards in a pool dump. */
#define EXAMPLE_TAG_RESOURCE 'sRxE' /* ExRs */
#define EXAMPLE_TAG_BUFFER 'fBxE'   /* ExBf */

#include "failure.h"

/* Pool of any Windows from 8 on: not paged, not executable. The content is undefined. */
static inline _Must_inspect_result_ PVOID
Example_Allocate(_In_ SIZE_T Length, _In_ ULONG Tag)
{
    if (Failure_IsDue(EXAMPLE_FAILURE_POOL)) {
        return NULL;
    }
#ifdef EXAMPLE_POOL2
    return ExAllocatePool2(POOL_FLAG_NON_PAGED, Length, Tag);
#else
    return ExAllocatePoolWithTag(NonPagedPoolNx, Length, Tag);
#endif
}

/* Not alertable, no time limit, kernel mode: this wait has no other end than owning the mutex. */
_IRQL_requires_max_(APC_LEVEL)
static inline VOID
Example_Lock(_Inout_ PKMUTEX Mutex)
{
    (VOID)KeWaitForSingleObject(Mutex, Executive, KernelMode, FALSE, NULL);
}

static inline VOID
Example_Unlock(_Inout_ PKMUTEX Mutex)
{
    (VOID)KeReleaseMutex(Mutex, FALSE);
}
