/*
 * The control interface of the example driver, shared by the driver and by user programs.
 * Every code is METHOD_BUFFERED and acts on the name that the handle was opened with.
 */
#pragma once

#ifndef CTL_CODE
#include <winioctl.h>
#endif

#define EXAMPLE_DEVICE_PATH L"\\\\.\\Example"

#define EXAMPLE_DEFAULT_SIZE 4096u
#define EXAMPLE_MINIMUM_SIZE 1u
#define EXAMPLE_MAXIMUM_SIZE 65536u
#define EXAMPLE_MAXIMUM_NAME 255u /* characters, the leading backslash counts */

/* Queries need no access; whatever changes what others see needs write access. */
#define EXAMPLE_QUERY(function) CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define EXAMPLE_CHANGE(function) CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, FILE_WRITE_ACCESS)

#define EXAMPLE_IOCTL_GET_SIZE EXAMPLE_QUERY(0x800)       /* 0x222000: out EXAMPLE_SIZE */
#define EXAMPLE_IOCTL_SET_SIZE EXAMPLE_CHANGE(0x801)      /* 0x22A004: in EXAMPLE_SIZE */
#define EXAMPLE_IOCTL_GET_STATISTICS EXAMPLE_QUERY(0x802) /* 0x222008: out EXAMPLE_STATISTICS */
#define EXAMPLE_IOCTL_SET_MODE EXAMPLE_CHANGE(0x803)      /* 0x22A00C: in EXAMPLE_MODE */

/* Known to the fault build (example-fault.sys) only. */
#define EXAMPLE_IOCTL_FAULT EXAMPLE_CHANGE(0x8F0) /* 0x22A3C0: in EXAMPLE_FAULT */
#define EXAMPLE_IOCTL_BURST EXAMPLE_CHANGE(0x8F1) /* 0x22A3C4: in EXAMPLE_BURST */
#define EXAMPLE_IOCTL_FAIL EXAMPLE_CHANGE(0x8F2)  /* 0x22A3C8: in EXAMPLE_FAIL */

typedef struct _EXAMPLE_SIZE {
    ULONG Bytes;
} EXAMPLE_SIZE, *PEXAMPLE_SIZE;

#define EXAMPLE_MODE_DROP_NEW 0u
#define EXAMPLE_MODE_OVERWRITE_OLDEST 1u

typedef struct _EXAMPLE_MODE {
    ULONG Mode;
} EXAMPLE_MODE, *PEXAMPLE_MODE;

typedef struct _EXAMPLE_STATISTICS {
    ULONG Held;       /* bytes that a read would find */
    ULONG Size;       /* of the buffer, in bytes */
    ULONG References; /* open handles of this name */
    ULONG Mode;
    ULONGLONG Dropped; /* bytes lost since the name came into being: refused or overwritten */
} EXAMPLE_STATISTICS, *PEXAMPLE_STATISTICS;

#define EXAMPLE_FAULT_NULL_WRITE 1u
#define EXAMPLE_FAULT_BUGCHECK 2u
#define EXAMPLE_FAULT_DOUBLE_FREE 3u
#define EXAMPLE_FAULT_POOL_OVERRUN 4u
#define EXAMPLE_FAULT_USE_AFTER_FREE 5u
#define EXAMPLE_FAULT_REFERENCE_LEAK 6u
#define EXAMPLE_FAULT_MUTEX_HELD 7u
#define EXAMPLE_FAULT_IRP_NEVER_COMPLETED 8u
#define EXAMPLE_FAULT_LOST_UPDATE 9u
#define EXAMPLE_FAULT_ENDLESS_LOOP 10u

/* What EXAMPLE_FAULT_BUGCHECK stops the machine with. */
#define EXAMPLE_BUGCHECK_CODE 0x000000E2u
#define EXAMPLE_BUGCHECK_PARAMETER1 0x11111111u
#define EXAMPLE_BUGCHECK_PARAMETER2 0x22222222u
#define EXAMPLE_BUGCHECK_PARAMETER3 0x33333333u
#define EXAMPLE_BUGCHECK_PARAMETER4 0x44444444u

typedef struct _EXAMPLE_FAULT {
    ULONG Kind;
} EXAMPLE_FAULT, *PEXAMPLE_FAULT;

#define EXAMPLE_BURST_MAXIMUM 1000000u

typedef struct _EXAMPLE_BURST {
    ULONG Count;
} EXAMPLE_BURST, *PEXAMPLE_BURST;

/* What can be told to fail. */
#define EXAMPLE_FAILURE_POOL 0u /* an allocation: there is no memory left */
#define EXAMPLE_FAILURE_COPY 1u /* a copy from or to the caller: its memory is gone */
#define EXAMPLE_FAILURE_KINDS 2u

typedef struct _EXAMPLE_FAIL {
    ULONG Kind;
    ULONG Call; /* which one from now on, the next is 1; 0: none any more */
} EXAMPLE_FAIL, *PEXAMPLE_FAIL;
