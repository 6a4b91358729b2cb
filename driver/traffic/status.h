/* The NTSTATUS that the thread's last failing call got from the kernel, which Win32 errors are a coarser view of. */
#pragma once

#include <stdint.h>

/* So that a call that fails without asking the kernel does not show the status of one before it. */
void status_forget(void);
/* 0 if there is none, or nobody called status_forget before. */
uint32_t status_last(void);
