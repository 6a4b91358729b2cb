/* The device context. */
#pragma once

#include "fault.h"
#include "resource.h"

typedef struct _EXAMPLE_DEVICE {
    EXAMPLE_RESOURCE_LIST Resources;
#if EXAMPLE_FAULTS
    EXAMPLE_FAULT_HOLDERS Holders;
#endif
} EXAMPLE_DEVICE, *PEXAMPLE_DEVICE;
