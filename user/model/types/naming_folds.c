/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What containers of the standard library are made of, and what it is to who looks at them from
 * outside: a sync.Map has keys and values, a sync.Pool has items; all else in them counts as their
 * own memory, as what maps are made of does. Names that a release lacks are not found and change
 * nothing, so one table serves Go 1.17 to 1.27.
 */
#include <string.h>

#include "model/types/naming_private.h"

/* A structure's name that ends with '[' matches all its instances. */
static const struct fold {
	const char *structure, *field;
	enum grf_field_role role;
	const char *type; /* what the path has as the type instead of the field's, which is one of
			   * many; else NULL */
} folds[] = {
    {"sync/atomic.Value", "v", GRF_ROLE_PLAIN, NULL},
    /* sync.Map to 1.23, and later with GOEXPERIMENT=nosynchashtriemap (sync/map.go, oldmap.go) */
    {"sync.Map", "read", GRF_ROLE_PLAIN, NULL},
    {"sync.Map", "dirty", GRF_ROLE_PLAIN, NULL},
    {"sync.readOnly", "m", GRF_ROLE_PLAIN, NULL},
    {"sync.entry", "p", GRF_ROLE_VALUE, "interface {}"},
    /* from 1.24 on (internal/sync/hashtriemap.go); unique's and its copies before */
    {"sync.Map", "m", GRF_ROLE_PLAIN, NULL},
    {"internal/sync.HashTrieMap[", "root", GRF_ROLE_PLAIN, NULL},
    {"internal/sync.node[", "isEntry", GRF_ROLE_PLAIN, NULL},
    {"internal/sync.indirect[", "parent", GRF_ROLE_PLAIN, NULL},
    {"internal/sync.indirect[", "children", GRF_ROLE_PLAIN, NULL},
    {"internal/sync.entry[", "overflow", GRF_ROLE_PLAIN, NULL},
    {"internal/sync.entry[", "key", GRF_ROLE_KEY, NULL},
    {"internal/sync.entry[", "value", GRF_ROLE_VALUE, NULL},
    {"internal/concurrent.HashTrieMap[", "root", GRF_ROLE_PLAIN, NULL},
    {"internal/concurrent.node[", "isEntry", GRF_ROLE_PLAIN, NULL},
    {"internal/concurrent.indirect[", "parent", GRF_ROLE_PLAIN, NULL},
    {"internal/concurrent.indirect[", "children", GRF_ROLE_PLAIN, NULL},
    {"internal/concurrent.entry[", "overflow", GRF_ROLE_PLAIN, NULL},
    {"internal/concurrent.entry[", "key", GRF_ROLE_KEY, NULL},
    {"internal/concurrent.entry[", "value", GRF_ROLE_VALUE, NULL},
    {"unique.canonMap[", "root", GRF_ROLE_PLAIN, NULL},
    {"unique.node[", "isEntry", GRF_ROLE_PLAIN, NULL},
    {"unique.indirect[", "parent", GRF_ROLE_PLAIN, NULL},
    {"unique.indirect[", "children", GRF_ROLE_PLAIN, NULL},
    {"unique.entry[", "overflow", GRF_ROLE_PLAIN, NULL},
    {"unique.entry[", "key", GRF_ROLE_KEY, NULL},
    {"internal/weak.Pointer[", "u", GRF_ROLE_PLAIN, NULL},
    {"weak.Pointer[", "u", GRF_ROLE_PLAIN, NULL},
    /* sync/pool.go, sync/poolqueue.go */
    {"sync.Pool", "local", GRF_ROLE_PLAIN, NULL},
    {"sync.Pool", "victim", GRF_ROLE_PLAIN, NULL},
    {"sync.poolLocal", "poolLocalInternal", GRF_ROLE_PLAIN, NULL},
    {"sync.poolLocalInternal", "private", GRF_ROLE_POOLED, NULL},
    {"sync.poolLocalInternal", "shared", GRF_ROLE_PLAIN, NULL},
    {"sync.poolChain", "head", GRF_ROLE_PLAIN, NULL},
    {"sync.poolChain", "tail", GRF_ROLE_PLAIN, NULL},
    {"sync.poolChainElt", "poolDequeue", GRF_ROLE_PLAIN, NULL},
    {"sync.poolChainElt", "next", GRF_ROLE_PLAIN, NULL},
    {"sync.poolChainElt", "prev", GRF_ROLE_PLAIN, NULL},
    {"sync.poolDequeue", "vals", GRF_ROLE_PLAIN, NULL},
    {"sync.eface", "val", GRF_ROLE_POOLED, "interface {}"},
};

/* Types whose arrays are of the container's own: their elements add nothing. */
static const char *const own_elements[] = {
    "sync.poolLocal",
    "sync.eface",
};

struct grf_type_field grf_folded_field(const char *owner, const struct grf_type_field *field)
{
	struct grf_type_field folded = *field;

	for (size_t i = 0; field->name && i < sizeof(folds) / sizeof(*folds); i++) {
		if (!grf_type_name_is(owner, folds[i].structure) ||
		    strcmp(field->name, folds[i].field) != 0)
			continue;
		folded.role = (uint8_t)folds[i].role;
		folded.type_name = folds[i].type ? folds[i].type : field->type_name;
		break;
	}
	/* What the old sync.Map keeps as values of a map: the value is behind it. */
	if (field->role == GRF_ROLE_VALUE && field->type_name &&
	    !strcmp(field->type_name, "*sync.entry"))
		folded.role = GRF_ROLE_PLAIN;
	return folded;
}

bool grf_folds_elements(const char *type)
{
	for (size_t i = 0; i < sizeof(own_elements) / sizeof(*own_elements); i++)
		if (!strcmp(type, own_elements[i]))
			return true;
	return false;
}

bool grf_folds_type(const char *type)
{
	static const char *const containers[] = {
	    "sync/atomic.Value", "sync.Map", "sync.Pool", "internal/weak.Pointer[", "weak.Pointer[",
	};

	/* It is asked of each of millions of objects, most of which are of the program's types. */
	if (!strchr("isuw", *type))
		return false;
	for (size_t i = 0; i < sizeof(containers) / sizeof(*containers); i++)
		if (grf_type_name_is(type, containers[i]))
			return false;
	for (size_t i = 0; i < sizeof(folds) / sizeof(*folds); i++)
		if (grf_type_name_is(type, folds[i].structure))
			return true;
	return false;
}
