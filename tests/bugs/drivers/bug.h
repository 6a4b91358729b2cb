/*
 * What the drivers here share: each is one device, \\.\Bug, with one classic mistake, and without it if built with -DFIXED.
 * A driver fills in `Bug`; skeleton.c does the rest.
 */
#pragma once

#ifdef __MINGW32__
/* mingw-w64's wdm.h defines these two as static after another of its headers has declared them extern. */
#include <intrin.h>
#define InterlockedBitTestAndSet Wdm_InterlockedBitTestAndSet
#define InterlockedBitTestAndReset Wdm_InterlockedBitTestAndReset
#include <ntddk.h>
#undef InterlockedBitTestAndSet
#undef InterlockedBitTestAndReset
#else
#include <ntddk.h>
#endif

#ifdef FIXED
#define BUG_BUILD "fixed"
#else
#define BUG_BUILD "buggy"
#endif

#define BUG_TAG 'guBx' /* xBug */

/* 0x222000, 0x222004, ...: METHOD_BUFFERED, any access. A driver gives them their meaning. */
#define BUG_CODE(number) CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800 + (number), METHOD_BUFFERED, FILE_ANY_ACCESS)
/* 0x222103, 0x222107, ... */
#define BUG_NEITHER_CODE(number) CTL_CODE(FILE_DEVICE_UNKNOWN, 0x840 + (number), METHOD_NEITHER, FILE_ANY_ACCESS)

/* A control request, taken apart. */
typedef struct _BUG_REQUEST {
    PIRP Irp;
    PFILE_OBJECT File;
    ULONG Code;
    ULONG Number; /* the first four bytes of the input, 0 if there are fewer (METHOD_BUFFERED) */
    PVOID Output; /* the system buffer */
    ULONG InputLength, OutputLength;
    ULONG Written; /* what the routine put into Output */
} BUG_REQUEST, *PBUG_REQUEST;

/* NULL: nothing to do. A Control that gives STATUS_PENDING has seen to the completion, or will. */
typedef struct _BUG_DRIVER {
    VOID (*Start)(VOID);
    VOID (*Stop)(VOID);
    NTSTATUS (*Create)(PFILE_OBJECT File);
    VOID (*Cleanup)(PFILE_OBJECT File);
    VOID (*Close)(PFILE_OBJECT File);
    NTSTATUS (*Control)(PBUG_REQUEST Request);
} BUG_DRIVER;

extern const BUG_DRIVER Bug;

/* Gives a number back to the caller. */
NTSTATUS Bug_Answer(PBUG_REQUEST Request, ULONG Number);
/* Completes the request; gives the status back. */
NTSTATUS Bug_Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information);
/* Zeroed, not paged. */
PVOID Bug_Allocate(SIZE_T Length, ULONG Tag);
