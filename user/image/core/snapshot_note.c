/* SPDX-License-Identifier: BSD-2-Clause */
/* Packs and unpacks the note with protobuf-c. What is read may have been made to do harm. */
#include "image/core/snapshot_note.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "snapshot.pb-c.h"

/* Bytes; packed lists become eight times as large, and no note of a process has as many. */
#define MAX_NOTE ((size_t)256 << 20)

#define PAUSE_TIMES   8
#define FIELDS        10
#define RECORD_WORDS  (sizeof(struct grf_goroutine_record) / sizeof(uint64_t))
#define MAX_PATH_SIZE 4096u
#define MAX_TEXT_SIZE ((size_t)1 << 20)

/* These numbers are in files: what is new goes to the end, and the version stays. */
_Static_assert(GRF_FREEZE_POINT_GC == 2 && GRF_COPIED_SOFT_DIRTY == 3 &&
		   GRF_REGISTERS_BY_PTRACE == 1 && GRF_GOROUTINES_BY_EBPF == 1 &&
		   GRF_CLOCK_EBPF == 1 && GRF_LACKS == 9 && GRF_ERROR_NO_COLLECTION == 17,
	       "a new one of these is named here, and in docs/snapshots.md");
_Static_assert(RECORD_WORDS == 11 &&
		   sizeof(struct grf_goroutine_fields) == FIELDS * sizeof(uint16_t),
	       "snapshot.proto lists them");
_Static_assert(sizeof(struct grf_provenance) == 368,
	       "a new member is packed and read here, and has a field in snapshot.proto");

typedef Grf__Snapshot__Snapshot packed_note;
typedef Grf__Snapshot__Provenance packed_provenance;
typedef Grf__Snapshot__Program packed_program;

/* --- packing ---------------------------------------------------------------------------------- */

static ProtobufCBinaryData bytes_of(const void *data, size_t size)
{
	return (ProtobufCBinaryData){size, (uint8_t *)data};
}

static ProtobufCBinaryData text_of(const char *text)
{
	return bytes_of(text, text ? strlen(text) : 0);
}

struct packed_lists {
	uint64_t pause[PAUSE_TIMES];
	uint32_t lacks[GRF_LACKS];
	uint32_t fields[FIELDS];
};

static void fill_provenance(const struct grf_provenance *from, struct packed_lists *lists,
			    packed_provenance *ret)
{
	const struct grf_pause *pause = &from->pause;

	grf__snapshot__provenance__init(ret);
	ret->freeze = from->freeze;
	ret->copied_by = from->copied_by;
	ret->through_mem = from->through_mem;
	ret->registers_by = from->registers_by;
	ret->goroutines_by = from->goroutines_by;
	ret->goroutine_records = from->goroutine_records;
	ret->goroutines_expected = from->goroutines_expected;
	ret->goroutines_limit = from->goroutines_limit;
	ret->pause_clock = pause->clock;
	memcpy(lists->pause,
	       (uint64_t[]){pause->total, pause->stop, pause->copying, pause->scanning,
			    pause->registers, pause->goroutines, pause->forking, pause->resume},
	       sizeof(lists->pause));
	ret->n_pause = PAUSE_TIMES;
	ret->pause = lists->pause;
	ret->preparation = from->preparation;
	ret->reaping = from->reaping;
	ret->given_up = from->given_up;
	ret->bytes = from->bytes;
	ret->stop_bytes = from->stop_bytes;
	ret->stop_pages = from->stop_pages;
	ret->left_out = from->left_out;
	ret->dead_stacks = from->dead_stacks;
	ret->spilled = from->spilled;
	ret->rounds = from->rounds;
	for (size_t i = 0; i < GRF_LACKS; i++)
		lists->lacks[i] = from->lacks[i];
	ret->n_lacks = GRF_LACKS;
	ret->lacks = lists->lacks;
	ret->pid = (uint32_t)from->pid;
	ret->clock = from->clock;
	ret->taken = from->taken;
	ret->host = text_of(from->host);
	ret->kernel = text_of(from->kernel);
}

static void fill_program(const struct grf_executable *executable,
			 const struct grf_snapshot_facts *facts, packed_program *ret)
{
	size_t size;
	const uint8_t *id = grf_executable_gnu_build_id(executable, &size);

	grf__snapshot__program__init(ret);
	ret->path = text_of(grf_executable_name(executable));
	ret->deleted = grf_executable_is_deleted(executable);
	ret->gnu_build_id = bytes_of(id, id ? size : 0);
	ret->go_build_id = text_of(grf_executable_go_build_id(executable));
	ret->go_version = text_of(facts->go_version);
	ret->modules = text_of(facts->modules);
	ret->placed = grf_executable_is_placed(executable);
	ret->bias = ret->placed ? grf_executable_bias(executable) : 0;
}

/* Pairs of gap and length; NULL: out of memory. */
static uint64_t *list_left_out(const struct grf_image_parts *parts)
{
	uint64_t *pairs = calloc(parts->left_out_count + 1, 2 * sizeof(*pairs)), at = 0;

	for (size_t i = 0; pairs && i < parts->left_out_count; i++) {
		const struct grf_run *run = &parts->left_out[i];

		pairs[2 * i] = run->start - at;
		pairs[2 * i + 1] = run->end - run->start;
		at = run->end;
	}
	return pairs;
}

static void fill_goroutines(const struct grf_image_parts *parts, struct packed_lists *lists,
			    Grf__Snapshot__Goroutines *ret)
{
	const uint16_t *fields = &parts->goroutine_fields.status;

	grf__snapshot__goroutines__init(ret);
	for (size_t i = 0; i < FIELDS; i++)
		lists->fields[i] = fields[i];
	ret->n_fields = FIELDS;
	ret->fields = lists->fields;
	ret->n_records = parts->goroutine_count * RECORD_WORDS;
	ret->records = (uint64_t *)parts->goroutines;
}

static void fill_files(const struct grf_snapshot_note *note, Grf__Snapshot__File *files,
		       Grf__Snapshot__File **pointers)
{
	for (size_t i = 0; i < note->file_count; i++) {
		const struct grf_snapshot_file *from = &note->files[i];

		grf__snapshot__file__init(&files[i]);
		files[i].kind = from->kind;
		files[i].path = text_of(from->path);
		files[i].offset = from->offset;
		files[i].size = from->size;
		pointers[i] = &files[i];
	}
}

struct grf_error *grf_snapshot_note_pack(const struct grf_snapshot_note *note, uint8_t **ret,
					 size_t *ret_size)
{
	_cleanup_free_ uint64_t *left_out = list_left_out(note->parts);
	Grf__Snapshot__File files[GRF_SNAPSHOT_FILES], *file_pointers[GRF_SNAPSHOT_FILES];
	struct packed_lists lists;
	packed_note packed;
	packed_provenance provenance;
	packed_program program;
	Grf__Snapshot__Goroutines goroutines;

	if (!left_out)
		return grf_error_no_memory();
	grf__snapshot__snapshot__init(&packed);
	packed.version = GRF_SNAPSHOT_VERSION;
	packed.tool = (char *)GRF_VERSION;
	fill_provenance(&note->parts->provenance, &lists, &provenance);
	packed.provenance = &provenance;
	fill_program(note->executable, note->facts, &program);
	packed.program = &program;
	packed.n_left_out = 2 * note->parts->left_out_count;
	packed.left_out = left_out;
	fill_goroutines(note->parts, &lists, &goroutines);
	packed.goroutines = &goroutines;
	fill_files(note, files, file_pointers);
	packed.n_files = note->file_count;
	packed.files = file_pointers;
	*ret_size = grf__snapshot__snapshot__get_packed_size(&packed);
	*ret = malloc(*ret_size);
	if (!*ret)
		return grf_error_no_memory();
	grf__snapshot__snapshot__pack(&packed, *ret);
	return NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Text without NUL in it, and no longer than may be. */
static bool is_text(const ProtobufCBinaryData *bytes, size_t limit)
{
	return bytes->len <= limit && (!bytes->len || !memchr(bytes->data, '\0', bytes->len));
}

static bool take_text(const ProtobufCBinaryData *bytes, char *ret, size_t room)
{
	if (!is_text(bytes, room - 1))
		return false;
	if (bytes->len)
		memcpy(ret, bytes->data, bytes->len);
	ret[bytes->len] = '\0';
	return true;
}

static bool read_provenance(const packed_provenance *from, struct grf_provenance *ret)
{
	if (!from || from->freeze > GRF_FREEZE_POINT_GC ||
	    from->copied_by > GRF_COPIED_SOFT_DIRTY ||
	    from->registers_by > GRF_REGISTERS_BY_PTRACE ||
	    from->goroutines_by > GRF_GOROUTINES_BY_EBPF || from->pause_clock > GRF_CLOCK_EBPF ||
	    from->n_pause != PAUSE_TIMES || from->n_lacks > GRF_LACKS || from->pid > INT32_MAX ||
	    from->taken < 0)
		return false;
	*ret = (struct grf_provenance){
	    .origin = GRF_ORIGIN_PROCESS,
	    .freeze = from->freeze,
	    .copied_by = from->copied_by,
	    .through_mem = from->through_mem,
	    .registers_by = from->registers_by,
	    .goroutines_by = from->goroutines_by,
	    .goroutine_records = from->goroutine_records,
	    .goroutines_expected = from->goroutines_expected,
	    .goroutines_limit = from->goroutines_limit,
	    .pause = {from->pause[0], from->pause[1], from->pause[2], from->pause[3],
		      from->pause[4], from->pause[5], from->pause[6], from->pause[7],
		      from->pause_clock},
	    .preparation = from->preparation,
	    .reaping = from->reaping,
	    .given_up = from->given_up,
	    .bytes = from->bytes,
	    .stop_bytes = from->stop_bytes,
	    .stop_pages = from->stop_pages,
	    .left_out = from->left_out,
	    .dead_stacks = from->dead_stacks,
	    .spilled = from->spilled,
	    .rounds = from->rounds,
	    .pid = (pid_t)from->pid,
	    .clock = from->clock,
	    .taken = from->taken,
	};
	for (size_t i = 0; i < from->n_lacks; i++) {
		if (from->lacks[i] > GRF_ERROR_NO_COLLECTION)
			return false;
		ret->lacks[i] = (uint8_t)from->lacks[i];
	}
	return take_text(&from->host, ret->host, sizeof(ret->host)) &&
	       take_text(&from->kernel, ret->kernel, sizeof(ret->kernel));
}

/* False: broken, or out of memory, where *ret_no_memory is set. */
static bool read_left_out(const packed_note *note, struct grf_image_parts *parts,
			  bool *ret_no_memory)
{
	uint64_t at = 0;

	if (note->n_left_out % 2)
		return false;
	parts->left_out = calloc(note->n_left_out / 2 + 1, sizeof(*parts->left_out));
	if (!parts->left_out) {
		*ret_no_memory = true;
		return false;
	}
	for (size_t i = 0; i < note->n_left_out; i += 2) {
		uint64_t gap = note->left_out[i], length = note->left_out[i + 1];

		if (!length || gap > UINT64_MAX - at || length > UINT64_MAX - at - gap)
			return false;
		parts->left_out[parts->left_out_count++] =
		    (struct grf_run){at + gap, at + gap + length};
		at += gap + length;
	}
	return true;
}

static bool read_goroutines(const Grf__Snapshot__Goroutines *from, struct grf_image_parts *parts,
			    bool *ret_no_memory)
{
	uint16_t *fields = &parts->goroutine_fields.status;
	size_t count;

	if (!from)
		return true;
	count = from->n_records / RECORD_WORDS;
	if (from->n_fields != FIELDS || from->n_records % RECORD_WORDS ||
	    count > GRF_MAX_GOROUTINES)
		return false;
	for (size_t i = 0; i < FIELDS; i++) {
		if (from->fields[i] > UINT16_MAX)
			return false;
		fields[i] = (uint16_t)from->fields[i];
	}
	parts->goroutines = calloc(count + 1, sizeof(*parts->goroutines));
	if (!parts->goroutines) {
		*ret_no_memory = true;
		return false;
	}
	if (count)
		memcpy(parts->goroutines, from->records, count * sizeof(*parts->goroutines));
	parts->goroutine_count = count;
	return true;
}

static struct grf_error *broken_note(const char *path)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT, "%s: what it says of itself is broken", path);
}

static struct grf_error *read_parts(const packed_note *note, const char *path,
				    struct grf_image_parts **ret)
{
	struct grf_image_parts *parts = calloc(1, sizeof(*parts));
	bool no_memory = false;

	if (!parts)
		return grf_error_no_memory();
	if (read_provenance(note->provenance, &parts->provenance) &&
	    read_left_out(note, parts, &no_memory) &&
	    read_goroutines(note->goroutines, parts, &no_memory)) {
		*ret = parts;
		return NULL;
	}
	grf_image_parts_destroy(parts);
	return no_memory ? grf_error_no_memory() : broken_note(path);
}

/* NULL where the note has no such text; false: out of memory. */
static bool copy_text(const ProtobufCBinaryData *bytes, char **ret)
{
	if (bytes->len)
		*ret = strndup((const char *)bytes->data, bytes->len);
	return !bytes->len || *ret;
}

static struct grf_error *read_files(const packed_note *note, const char *path,
				    struct grf_core_program *ret)
{
	if (note->n_files > GRF_SNAPSHOT_FILES)
		return broken_note(path);
	for (size_t i = 0; i < note->n_files; i++) {
		const Grf__Snapshot__File *from = note->files[i];
		struct grf_snapshot_file *file;

		if (!is_text(&from->path, MAX_PATH_SIZE))
			return broken_note(path);
		/* Of a kind that came later. */
		if (from->kind < GRF_SNAPSHOT_EXECUTABLE || from->kind > GRF_SNAPSHOT_LIBRARY)
			continue;
		file = grf_array_add(&ret->files);
		if (!file || !copy_text(&from->path, &file->path))
			return grf_error_no_memory();
		file->kind = from->kind;
		file->offset = from->offset;
		file->size = from->size;
	}
	return NULL;
}

static struct grf_error *read_program(const packed_note *note, const char *path,
				      struct grf_core_program *ret)
{
	const packed_program *from = note->program;

	*ret = (struct grf_core_program){.is_snapshot = true};
	if (!from || !is_text(&from->path, MAX_PATH_SIZE) ||
	    !is_text(&from->go_version, MAX_TEXT_SIZE) || !is_text(&from->modules, MAX_TEXT_SIZE) ||
	    from->gnu_build_id.len > sizeof(ret->gnu_build_id) ||
	    !take_text(&from->go_build_id, ret->go_build_id, sizeof(ret->go_build_id)) ||
	    from->bias % GRF_PAGE)
		return broken_note(path);
	ret->deleted = from->deleted;
	ret->placed = from->placed;
	ret->bias = from->bias;
	ret->gnu_build_id_size = from->gnu_build_id.len;
	if (from->gnu_build_id.len)
		memcpy(ret->gnu_build_id, from->gnu_build_id.data, from->gnu_build_id.len);
	if (!copy_text(&from->path, &ret->path) ||
	    !copy_text(&from->go_version, &ret->go_version) ||
	    !copy_text(&from->modules, &ret->modules))
		return grf_error_no_memory();
	return read_files(note, path, ret);
}

struct grf_error *grf_snapshot_note_read(const uint8_t *data, size_t size, const char *path,
					 struct grf_image_parts **ret_parts,
					 struct grf_core_program *ret_program)
{
	struct grf_core_program program = {0};
	struct grf_error *error = NULL;
	packed_note *note =
	    size <= MAX_NOTE ? grf__snapshot__snapshot__unpack(NULL, size, data) : NULL;

	if (!note)
		return broken_note(path);
	if (!note->version)
		error = broken_note(path);
	else if (note->version > GRF_SNAPSHOT_VERSION)
		error = grf_error_create(GRF_ERROR_UNSUPPORTED,
					 "%s is a snapshot of version %u, and this grf-bpf reads "
					 "up to version %u: take a newer one",
					 path, note->version, GRF_SNAPSHOT_VERSION);
	if (!error && ret_program)
		error = read_program(note, path, &program);
	if (!error && ret_parts)
		error = read_parts(note, path, ret_parts);
	grf__snapshot__snapshot__free_unpacked(note, NULL);
	if (error)
		grf_core_program_free(&program);
	else if (ret_program)
		*ret_program = program;
	return error;
}

void grf_core_program_free(struct grf_core_program *program)
{
	for (size_t i = 0; i < program->files.count; i++)
		free(program->files.items[i].path);
	grf_array_free(&program->files);
	free(program->path);
	free(program->go_version);
	free(program->modules);
	*program = (struct grf_core_program){0};
}
