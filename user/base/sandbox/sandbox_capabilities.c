/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capabilities that the sandbox keeps: what it takes to give a result its name in another
 * user's folder, to read input that is still to be opened, and to raise a priority.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox/sandbox_private.h"

#define BIT(capability) (UINT64_C(1) << (capability))

/* Of the calling thread. */
static bool get_permitted(uint64_t *ret)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return false;
	*ret = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	return true;
}

static bool set_capabilities(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
	    {.permitted = (uint32_t)permitted, .effective = (uint32_t)effective},
	    {.permitted = (uint32_t)(permitted >> 32), .effective = (uint32_t)(effective >> 32)},
	};

	return !syscall(SYS_capset, &header, data);
}

/* Whether files can be made in a folder by who has no capability in effect. */
static bool can_write(int folder, const struct stat *status)
{
	if (!syscall(SYS_faccessat2, folder, ".", W_OK | X_OK, AT_EACCESS))
		return true;
	if (errno != ENOSYS)
		return false;
	return status->st_uid == geteuid() && (status->st_mode & S_IRWXU) == S_IRWXU;
}

/* What the result cannot be given its name without, in the folder of another user. With no
 * capability in effect. */
static uint64_t needed_for(const struct grf_sandbox_place *place)
{
	struct stat status;
	uint64_t needed = 0;

	if (place->folder < 0 || fstat(place->folder, &status))
		return 0;
	if (!can_write(place->folder, &status))
		needed |= BIT(CAP_DAC_OVERRIDE);
	/* What is there may be replaced by its owner and by the folder's. */
	if ((status.st_mode & S_ISVTX) && status.st_uid != geteuid())
		needed |= BIT(CAP_FOWNER);
	/* The other way to give a nameless file a name: see link_nameless(). */
	if (place->nameless && access("/proc/self/fd", F_OK))
		needed |= BIT(CAP_DAC_READ_SEARCH);
	return needed;
}

struct grf_error *grf_sandbox_capabilities(const struct grf_sandbox *sandbox)
{
	uint64_t permitted, kept = 0;

	if (!get_permitted(&permitted) || !set_capabilities(permitted, 0))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "capabilities");
	for (size_t i = 0; i < sandbox->place_count; i++)
		kept |= needed_for(&sandbox->places[i]);
	/* Files of other users are still to be read. */
	if (sandbox->stage == GRF_SANDBOX_OPENS)
		kept |= BIT(CAP_DAC_READ_SEARCH);
	if (sandbox->can_hurry && sandbox->usual.wants_sys_nice)
		kept |= BIT(CAP_SYS_NICE);
	kept &= permitted;
	/* no_new_privs has seen to it that exec gives none back; this is for what may come after
	 * it. */
	if ((permitted & BIT(CAP_SETPCAP)) && set_capabilities(permitted, BIT(CAP_SETPCAP)))
		for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0ul, 0ul, 0ul) >= 0; i++)
			if (!(kept & BIT(i)))
				prctl(PR_CAPBSET_DROP, i, 0ul, 0ul, 0ul);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0ul, 0ul, 0ul);
	if (!set_capabilities(kept, kept))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "capabilities");
	return NULL;
}
