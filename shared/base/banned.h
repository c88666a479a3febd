/* Included before every source file by the build: functions that nobody may call do not compile. */
#ifndef PARLEY_BASE_BANNED_H
#define PARLEY_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strncat strtok gets atoi atol atoll

#endif
