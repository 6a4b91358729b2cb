/* What comes from an actor: a thread per pipe that forwards it to our stdout and keeps the lane's state. */
#pragma once

#include "lane.h"

/* 0, or the Win32 error; then the process has been ended. */
uint32_t listen_start(struct lane *lane);
/* Reports the end of the process and of what it still had to do, once; the process must be dead. */
void listen_report_end(struct lane *lane);
