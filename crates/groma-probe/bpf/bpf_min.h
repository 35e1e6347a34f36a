/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * The little of the kernel that the probe needs: no vmlinux.h, no libbpf headers.
 * Structures name only the fields read; their offsets come from the BTF of the running kernel
 * when the object is loaded (CO-RE), so one object serves many kernels.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define inline_always inline __attribute__((always_inline))

/* Map definitions as the loader reads them from BTF. */
#define MAP_UINT(name, value) int (*name)[value]
#define MAP_TYPE(name, type) type *name
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_LRU_HASH = 9 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };

/* Helpers by number, as include/uapi/linux/bpf.h fixes them for ever. */
static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete)(void *map, const void *key) = (void *)3;
static u64 (*const ktime_ns)(void) = (void *)5;
static u64 (*const current_pid_tgid)(void) = (void *)14;
static long (*const read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*const read_kernel)(void *to, u32 size, const void *from) = (void *)113;
struct task_struct;
struct pt_regs;
/* The verifier knows its type, so its fields are read without a call. */
static struct task_struct *(*const current_task)(void) = (void *)158;
static struct pt_regs *(*const task_regs)(struct task_struct *task) = (void *)175;

#define add(counter, amount) __sync_fetch_and_add(&(counter), (amount))

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct upid {
	s32 nr;
};

struct pid {
	u32 level;
	struct upid numbers[1];
};

struct signal_struct {
	struct {
		s32 counter;
	} live;
};

struct file;

struct fdtable {
	u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct inode {
	u16 i_mode;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct sock_common {
	u16 skc_family;
	u16 skc_num;
};

struct sock {
	struct sock_common __sk_common;
};

struct socket {
	struct sock *sk;
};

struct unix_sock {
	void *addr;
};

struct task_struct {
	u32 __state;
	u32 flags;
	s32 pid;
	s32 tgid;
	unsigned in_iowait : 1;
	struct pid *thread_pid;
	struct signal_struct *signal;
	struct files_struct *files;
};

struct pt_regs {
	unsigned long orig_ax;
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long r10;
};

#pragma clang attribute pop

/* What a timer interrupted: the layout is for ever, on x86-64. */
struct bpf_perf_event_data {
	struct {
		u64 others[16];
		u64 ip;
		u64 cs;
	} regs;
};

/* A field of a kernel structure reached by a plain address. */
#define field_at(pointer, field) ((void *)__builtin_preserve_access_index(&(pointer)->field))
#define read_field(to, pointer, field) read_kernel(&(to), sizeof(to), field_at(pointer, field))

/* A bit field: which bytes hold it, and by how much to shift, is known when loading. */
enum { FIELD_OFFSET = 0, FIELD_SIZE = 1, FIELD_EXISTS = 2, FIELD_LSHIFT = 4, FIELD_RSHIFT = 5 };
#define field_info(pointer, field, what) __builtin_preserve_field_info((pointer)->field, what)
#define read_bits(to, pointer, field)                                                             \
	({                                                                                        \
		to = 0;                                                                           \
		read_kernel(&(to), field_info(pointer, field, FIELD_SIZE) & 15,                   \
			    (void *)(pointer) + field_info(pointer, field, FIELD_OFFSET));        \
		to <<= field_info(pointer, field, FIELD_LSHIFT);                                  \
		to >>= field_info(pointer, field, FIELD_RSHIFT);                                  \
	})
