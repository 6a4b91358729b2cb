/* Driver Verifier: what of a driver is checked from its next load on, and what really is. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct verifier {
    uint32_t level; /* flags of `verifier /flags`; 0: off */
    uint32_t seed;  /* of the flag that fuzzes the schedule, where the system takes one */
};

/* Names the driver's image file in Driver Verifier's settings. Returns the Win32 error. On Windows they count from the
 * next start of the system on. */
uint32_t verifier_set(const wchar_t *path, const struct verifier *verifier);

/* The flags that are in force for an image that was loaded since verifier_set; 0 where the system does not tell. */
uint32_t verifier_level(const wchar_t *path);
