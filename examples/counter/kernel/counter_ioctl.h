/*
 * The control interface of the counter driver, shared by the driver and by user programs.
 * Every code is METHOD_BUFFERED; the counter belongs to the device, whoever opened it.
 */
#pragma once

#ifndef CTL_CODE
#include <winioctl.h>
#endif

#define COUNTER_DEVICE_PATH L"\\\\.\\Counter"

#define COUNTER_QUERY(function) CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, FILE_READ_ACCESS)
#define COUNTER_CHANGE(function) CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, FILE_WRITE_ACCESS)

#define COUNTER_IOCTL_GET COUNTER_QUERY(0x900)  /* 0x226400: out COUNTER_STATE */
#define COUNTER_IOCTL_ADD COUNTER_CHANGE(0x901) /* 0x22A404: in COUNTER_AMOUNT, out COUNTER_VALUE */
#define COUNTER_IOCTL_WAIT COUNTER_QUERY(0x902) /* 0x226408: in COUNTER_VALUE, out COUNTER_VALUE */

typedef struct _COUNTER_AMOUNT {
    LONG Amount; /* the counter never goes below 0 */
} COUNTER_AMOUNT, *PCOUNTER_AMOUNT;

typedef struct _COUNTER_VALUE {
    ULONGLONG Value;
} COUNTER_VALUE, *PCOUNTER_VALUE;

typedef struct _COUNTER_STATE {
    ULONGLONG Value;
    ULONGLONG Waiting; /* requests that wait for a higher value */
} COUNTER_STATE, *PCOUNTER_STATE;
