/* SPDX-License-Identifier: BSD-2-Clause */
/* By Landlock (Linux 5.13), whose rights and header grew with its versions: what is newer than the
 * oldest header that has it is here by number. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sandbox/sandbox_private.h"

#define RIGHTS_1   ((UINT64_C(1) << 13) - 1)
#define REFER      (UINT64_C(1) << 13)
#define TRUNCATE   (UINT64_C(1) << 14)
#define IOCTL_DEV  (UINT64_C(1) << 15)
#define NET_ALL    UINT64_C(3) /* bind and connect of TCP */
#define SCOPED_ALL UINT64_C(3) /* abstract sockets and signals of others */

/* struct landlock_ruleset_attr of version 6. Older kernels want zero where they know nothing. */
struct ruleset {
	uint64_t files, network, scoped;
};

/* What is denied but for rules, which each version of Landlock has more of. */
static struct ruleset handled_by(long version, const struct grf_sandbox *sandbox)
{
	struct ruleset ruleset = {.files = RIGHTS_1};

	if (version >= 2)
		ruleset.files |= REFER;
	if (version >= 3)
		ruleset.files |= TRUNCATE;
	if (version >= 5)
		ruleset.files |= IOCTL_DEV;
	if (version >= 4)
		ruleset.network = NET_ALL;
	if (version >= 6)
		ruleset.scoped = SCOPED_ALL;
	if (GRF_SANITIZED)
		ruleset.files &=
		    ~(uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
				LANDLOCK_ACCESS_FS_EXECUTE | IOCTL_DEV);
	return sandbox->network ? (struct ruleset){.scoped = ruleset.scoped} : ruleset;
}

static bool allow_beneath(int rules, int folder, uint64_t rights)
{
	const struct landlock_path_beneath_attr rule = {
	    .allowed_access = rights,
	    .parent_fd = folder,
	};

	return !rights ||
	       !syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static bool add_rules(int rules, const struct grf_sandbox *sandbox, uint64_t handled)
{
	uint64_t read = handled & (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);

	for (size_t i = 0; i < sandbox->place_count; i++) {
		const struct grf_sandbox_place *place = &sandbox->places[i];
		uint64_t name = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;

		if (!place->nameless)
			name |= LANDLOCK_ACCESS_FS_WRITE_FILE;
		if (place->folder >= 0 && !allow_beneath(rules, place->folder, name & handled))
			return false;
	}
	if (sandbox->stage == GRF_SANDBOX_OPENS) {
		_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		return root >= 0 && allow_beneath(rules, root, read);
	}
	return true;
}

struct grf_error *grf_sandbox_files(const struct grf_sandbox *sandbox, bool *ret_done)
{
	long version =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	_cleanup_close_ int rules = -1;
	struct ruleset ruleset;

	/* Absent, or off. */
	if (version < 1)
		return NULL;
	ruleset = handled_by(version, sandbox);
	if (!ruleset.files && !ruleset.scoped)
		return NULL;
	rules = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	if (rules < 0 || !add_rules(rules, sandbox, ruleset.files) ||
	    syscall(SYS_landlock_restrict_self, rules, 0))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "Landlock");
	*ret_done = true;
	return NULL;
}
