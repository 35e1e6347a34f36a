// SPDX-License-Identifier: GPL-2.0 OR MIT
//
// Watches how the threads of chosen processes run and wait, and counts; it writes to nothing but its
// own maps. `make bpf` compiles it, `src/bpf/layout.rs` names the same words for the reader.
//
//   futex enter/exit  who waits for which word, for how long, and how long it is held afterwards
//   sched_switch      on-CPU time of holds; why a thread left the CPU
//   tick              is the running thread the owner of a known lock? does it spin?
//   send/receive      requests, as replies that follow a receive on one socket
//   fork exec exit    no entry outlives what it describes
//
// The unit is a *group*: one process, or a process with its children; its id is the pid it began with.
#include "bpf_min.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// Set by the loader.
const volatile u32 watch_all = 0;       // every process is a group of its own
const volatile u32 follow_children = 0; // a child joins the group of its parent
const volatile u32 own_tgid = 0;        // never look at ourselves

enum {
	EAGAIN = 11,
	SLOTS = 32,       // locks of one group whose owner is sampled
	BUCKETS = 24,     // histogram of waits: [2^i, 2^(i+1)) times 1,024 ns
	DOORS = 4096,     // a power of two
	SOCKETS_LOG = 16,
	SOCKETS = 1 << SOCKETS_LOG,
	SYSCALLS = 512,
	HOLDS = 2,        // nested contended holds followed per thread
	TASK_UNINTERRUPTIBLE = 0x2,
	TASK_DEAD = 0x80,
	PF_EXITING = 0x4,
	PF_KTHREAD = 0x200000,
};

// Why a thread is off the CPU. Also the kinds of system calls in `syscall_class`.
enum class {
	RUN_QUEUE,  // it could run
	LOCK,       // a futex that looks like a mutex
	FUTEX,      // another futex: condition variables, parking, joining
	DISK,
	NETWORK,    // a socket; counted per local port
	POLL,       // epoll, poll, select: waits for work
	SLEEP,
	OTHER,
	DESCRIPTOR, // only as a kind of call: what it waits for depends on the file
	SOCKET,     // only as a kind of call: which socket, shows when data has moved
	CLASSES = DESCRIPTOR,
};

// ---- maps ----

struct lock_key {
	u64 group;
	u64 address;
};

// In lines of the cache: what a wait begins, what it ends, and what a hold ends.
struct lock {
	u64 waiters;         // now
	u64 contended_since;
	u64 contended_ns;    // with at least one waiter
	u64 last_wake_ns;
	u64 signature;       // op << 32 | val of the last wait
	u64 timed;           // waits with a timeout
	u64 mutex_waits;     // waits that looked like a mutex
	u64 owner_last;      // the word 8 bytes on, as the last waiter saw it
	u64 waits;           // that slept
	u64 wait_ns;
	u64 hand_offs;
	u64 hand_off_ns;
	u64 holds;           // from the return of a wait to the wake by the same thread
	u64 hold_cpu_ns;
	u64 hold_cpu_us2;    // sum of squares, microseconds^2
	u64 hold_wall_ns;
	u64 histogram[BUCKETS];
};

struct group {
	u64 ticks;
	u64 ticks_contended; // while a thread waited for a lock
	u64 ticks_owner;     // of the owner of at least one known lock
	u64 ticks_spinning;  // in a loop that pauses
	u64 waiters;
	u64 contended_since;
	u64 contended_ns;
	u64 execs;
	u64 exits;           // processes that ended
	u64 runs;            // times a thread got a CPU, if every process is watched
	u64 requests;        // of a system call chosen by the user
	u64 idle_futex_waits;
	u64 off_ns[CLASSES];
	u64 off_count[CLASSES];
};

// The first word shares a line of the cache with the key, then eight are in each.
struct thread {
	u64 group;

	u64 on_since;   // 0: off the CPU
	u64 off_since;  // 0: on the CPU, or never seen to leave it
	u64 off_class;
	u64 off_port;
	u64 cpu_ns;     // since first seen
	u64 wait_address;
	u64 wait_since;
	u64 wait_mutex; // it looked like a mutex

	u64 port;       // of the socket that it sent or received by last; 0: none yet
	u64 guessed;    // off_port is that port: which one it is shows when data has moved
	u64 away_ns;    // waited for a socket since data moved
	u64 away_waits;
	u64 inside;     // it received a request and did not reply yet
	u64 inside_ns;  // blocked since then on what may be a lock
	u64 inside_waits;
	u64 hold_address[HOLDS];
	u64 hold_since[HOLDS];
	u64 hold_cpu[HOLDS];
	u64 unused[3];
};

struct slots {
	u64 count;
	u64 address[SLOTS];
	u64 offset[SLOTS]; // of the owner word
};

struct slot_ticks {
	u64 group_ticks[SLOTS]; // since the lock was known
	u64 owner_ticks[SLOTS];
	u64 unread[SLOTS];      // the word could not be read
};

struct port_key {
	u64 group;
	u64 port; // family << 32 | bound << 16 | local port
};

struct port {
	u64 wait_ns;
	u64 waits;
	u64 replies; // sends that followed a receive on the same socket
	u64 hidden_ns; // blocked between the two, by the thread that did both, on what may be a lock
	u64 hidden_waits;
};

struct {
	MAP_UINT(type, BPF_MAP_TYPE_HASH);
	MAP_UINT(max_entries, 1024);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u32);
} targets SEC(".maps");

// The same by the lower bits of the pid, since most of what runs is not watched, and this costs no call.
// 0: none of them is watched. tgid << 32 | group: only that one is. DOOR_SHARED: ask `targets`.
struct {
	MAP_UINT(type, BPF_MAP_TYPE_ARRAY);
	MAP_UINT(max_entries, DOORS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} doors SEC(".maps");
#define DOOR_SHARED (~0ULL)

struct {
	MAP_UINT(type, BPF_MAP_TYPE_HASH);
	MAP_UINT(max_entries, 1024);
	MAP_TYPE(key, u64);
	MAP_TYPE(value, struct group);
} groups SEC(".maps");

struct {
	MAP_UINT(type, BPF_MAP_TYPE_HASH);
	MAP_UINT(max_entries, 1024);
	MAP_TYPE(key, u64);
	MAP_TYPE(value, struct slots);
} slots SEC(".maps");

struct {
	MAP_UINT(type, BPF_MAP_TYPE_HASH);
	MAP_UINT(max_entries, 1024);
	MAP_TYPE(key, u64);
	MAP_TYPE(value, struct slot_ticks);
} slot_ticks SEC(".maps");

struct {
	MAP_UINT(type, BPF_MAP_TYPE_HASH);
	MAP_UINT(max_entries, 16384);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct thread);
} threads SEC(".maps");

struct {
	MAP_UINT(type, BPF_MAP_TYPE_LRU_HASH);
	MAP_UINT(max_entries, 4096);
	MAP_TYPE(key, struct lock_key);
	MAP_TYPE(value, struct lock);
} locks SEC(".maps");

// Futexes without a mutex's signature that behave like one: the reader decides.
struct {
	MAP_UINT(type, BPF_MAP_TYPE_LRU_HASH);
	MAP_UINT(max_entries, 1024);
	MAP_TYPE(key, struct lock_key);
	MAP_TYPE(value, u32);
} confirmed SEC(".maps");

struct {
	MAP_UINT(type, BPF_MAP_TYPE_LRU_HASH);
	MAP_UINT(max_entries, 4096);
	MAP_TYPE(key, struct port_key);
	MAP_TYPE(value, struct port);
} ports SEC(".maps");

// Sockets that received since they sent, each at the place that its address hashes to. One that takes
// another's place makes the probe miss a reply: of a thousand requests at once, fewer than eight.
struct {
	MAP_UINT(type, BPF_MAP_TYPE_ARRAY);
	MAP_UINT(max_entries, SOCKETS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} asking SEC(".maps");

// What a system call waits for: an `enum class` each.
struct {
	MAP_UINT(type, BPF_MAP_TYPE_ARRAY);
	MAP_UINT(max_entries, SYSCALLS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u32);
} syscall_class SEC(".maps");

// Times that an entry found its map full.
enum full { GROUPS_FULL, THREADS_FULL, FULLS };
struct {
	MAP_UINT(type, BPF_MAP_TYPE_ARRAY);
	MAP_UINT(max_entries, FULLS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} totals SEC(".maps");

static inline_always void count_total(u32 which)
{
	u64 *total = map_lookup(&totals, &which);
	if (total)
		add(*total, 1);
}

// ---- who ----

/// The group of a process; 0: not watched.
static inline_always u64 group_of(u32 tgid)
{
	if (watch_all)
		return tgid == own_tgid ? 0 : tgid;
	u32 door = tgid % DOORS;
	u64 *behind = map_lookup(&doors, &door);
	if (!behind || !*behind)
		return 0;
	if (*behind >> 32 == tgid)
		return (u32)*behind;
	if (*behind != DOOR_SHARED)
		return 0;
	u32 *group = map_lookup(&targets, &tgid);
	return group ? *group : 0;
}

static inline_always void open_door(u32 tgid, u32 group)
{
	u32 door = tgid % DOORS;
	u64 *behind = map_lookup(&doors, &door);
	if (behind && __sync_val_compare_and_swap(behind, 0, (u64)tgid << 32 | group))
		*behind = DOOR_SHARED;
}

static inline_always void close_door(u32 tgid)
{
	u32 door = tgid % DOORS;
	u64 *behind = map_lookup(&doors, &door);
	if (behind && *behind >> 32 == tgid && *behind != DOOR_SHARED)
		*behind = 0;
}

static const struct group no_group;
static const struct lock no_lock;
static const struct port no_port;

static inline_always struct group *stats_of(u64 group)
{
	struct group *stats = map_lookup(&groups, &group);
	if (stats || !watch_all)
		return stats;
	if (map_update(&groups, &group, &no_group, BPF_NOEXIST))
		count_total(GROUPS_FULL);
	return map_lookup(&groups, &group);
}

static inline_always struct lock *lock_of(struct lock_key *key)
{
	struct lock *lock = map_lookup(&locks, key);
	if (lock)
		return lock;
	map_update(&locks, key, &no_lock, BPF_NOEXIST);
	return map_lookup(&locks, key);
}

static inline_always struct thread *thread_of(u32 tid, u64 group, u64 now)
{
	struct thread *thread = map_lookup(&threads, &tid);
	if (thread)
		return thread;
	struct thread fresh = { .group = group, .on_since = now };
	if (map_update(&threads, &tid, &fresh, BPF_NOEXIST))
		count_total(THREADS_FULL);
	return map_lookup(&threads, &tid);
}

/// The id by which the current thread knows itself: that of its innermost pid namespace.
static inline_always u32 own_tid(u32 tid)
{
	struct pid *pid = current_task()->thread_pid;
	u32 level = pid->level, inner = 0;

	if (level == 0 || level > 32)
		return tid;
	// struct upid is a number and a pointer.
	read_kernel(&inner, sizeof(inner), field_at(pid, numbers) + level * 16);
	return inner;
}

// ---- waiting for a lock, and holding it ----

/// One more waits: a lock or group is contended from the first to the last.
static inline_always void enter_queue(u64 *waiters, u64 *since, u64 now)
{
	if (__sync_fetch_and_add(waiters, 1) == 0)
		*since = now;
}

static inline_always void leave_queue(u64 *waiters, u64 *since, u64 *contended, u64 now)
{
	if (__sync_fetch_and_add(waiters, -1) == 1 && *since && now > *since)
		add(*contended, now - *since);
}

static inline_always u32 bucket_of(u64 ns)
{
	u64 rest = ns >> 10;
	u32 bucket = 0;

	for (u32 step = 16; step; step /= 2) {
		if (rest >> step) {
			rest >>= step;
			bucket += step;
		}
	}
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static inline_always u64 cpu_of(struct thread *thread, u64 now)
{
	// Preempted since `now` was read, it is back on the CPU later than that.
	u64 on = thread->on_since;
	return thread->cpu_ns + (on && now > on ? now - on : 0);
}

static inline_always void begin_hold(struct thread *thread, u64 address, u64 now)
{
	u32 place = thread->hold_address[0] && thread->hold_address[0] != address ? 1 : 0;

	thread->hold_address[place] = address;
	thread->hold_since[place] = now;
	thread->hold_cpu[place] = cpu_of(thread, now);
}

static inline_always void cancel_hold(struct thread *thread, u64 address)
{
	if (thread->hold_address[0] == address)
		thread->hold_address[0] = 0;
	if (thread->hold_address[1] == address)
		thread->hold_address[1] = 0;
}

static inline_always void end_hold(struct thread *thread, struct lock *lock, u64 address, u64 now)
{
	u32 place;

	if (thread->hold_address[0] == address)
		place = 0;
	else if (thread->hold_address[1] == address)
		place = 1;
	else
		return; // it was not seen to wait for it
	u64 cpu = cpu_of(thread, now), before = thread->hold_cpu[place];
	cpu = cpu > before ? cpu - before : 0;
	add(lock->holds, 1);
	add(lock->hold_cpu_ns, cpu);
	u64 us = cpu / 1000;
	add(lock->hold_cpu_us2, us * us);
	add(lock->hold_wall_ns, now - thread->hold_since[place]);
	thread->hold_address[place] = 0;
}

static inline_always void stop_waiting(struct thread *thread, u64 now, s64 result)
{
	struct lock_key key = { .group = thread->group, .address = thread->wait_address };
	struct lock *lock = map_lookup(&locks, &key);
	u64 waited = now - thread->wait_since;
	u64 mutex = thread->wait_mutex;

	thread->wait_address = 0;
	thread->wait_mutex = 0;
	if (mutex) {
		struct group *stats = map_lookup(&groups, &key.group);
		if (stats)
			leave_queue(&stats->waiters, &stats->contended_since, &stats->contended_ns, now);
	}
	if (!lock)
		return;
	if (mutex)
		leave_queue(&lock->waiters, &lock->contended_since, &lock->contended_ns, now);
	if (result != -EAGAIN) {
		u32 bucket = bucket_of(waited);
		add(lock->waits, 1);
		add(lock->wait_ns, waited);
		add(lock->histogram[bucket], 1);
		if (result == 0 && lock->last_wake_ns > thread->wait_since && now > lock->last_wake_ns) {
			add(lock->hand_offs, 1);
			add(lock->hand_off_ns, now - lock->last_wake_ns);
		}
	}
	if (result == 0 || result == -EAGAIN)
		begin_hold(thread, key.address, now);
}

enum {
	FUTEX_WAIT = 0,
	FUTEX_WAKE = 1,
	FUTEX_REQUEUE = 3,
	FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAKE_OP = 5,
	FUTEX_LOCK_PI = 6,
	FUTEX_UNLOCK_PI = 7,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET = 10,
	FUTEX_LOCK_PI2 = 13,
	FUTEX_CMD = 127,
};

static inline_always void futex_enter(u64 address, u32 op, u32 val, u64 timeout)
{
	u64 id = current_pid_tgid();
	u32 tid = (u32)id;
	u64 group = group_of(id >> 32);
	if (!group)
		return;

	u64 now = ktime_ns();
	u32 command = op & FUTEX_CMD;
	struct lock_key key = { .group = group, .address = address };
	int pi = command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2;

	if (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || pi) {
		struct thread *thread = thread_of(tid, group, now);
		struct lock *lock = lock_of(&key);
		if (!thread || !lock)
			return;
		cancel_hold(thread, address);
		lock->signature = (u64)op << 32 | val;
		if (timeout)
			add(lock->timed, 1);
		int mutex = pi || (val == 2 && !timeout) || map_lookup(&confirmed, &key) != 0;
		struct group *stats = stats_of(group);
		if (mutex) {
			u32 owner = 0;
			read_user(&owner, sizeof(owner), (void *)address + 8);
			if (owner)
				lock->owner_last = owner;
			add(lock->mutex_waits, 1);
			enter_queue(&lock->waiters, &lock->contended_since, now);
			if (stats)
				enter_queue(&stats->waiters, &stats->contended_since, now);
		} else if (stats) {
			add(stats->idle_futex_waits, 1);
		}
		thread->wait_address = address;
		thread->wait_since = now;
		thread->wait_mutex = mutex;
	} else if (command == FUTEX_WAKE || command == FUTEX_WAKE_BITSET || command == FUTEX_WAKE_OP ||
		   command == FUTEX_UNLOCK_PI) {
		struct lock *lock = map_lookup(&locks, &key);
		if (!lock)
			return;
		lock->last_wake_ns = now;
		struct thread *thread = map_lookup(&threads, &tid);
		if (thread)
			end_hold(thread, lock, address, now);
	}
}

static inline_always void futex_exit(s64 result)
{
	u64 id = current_pid_tgid();
	u32 tid = (u32)id;

	if (!group_of(id >> 32))
		return;
	struct thread *thread = map_lookup(&threads, &tid);
	if (thread && thread->wait_address)
		stop_waiting(thread, ktime_ns(), result);
}

struct syscall_enter {
	u64 common;
	s64 nr;
	u64 args[6];
};

struct syscall_exit {
	u64 common;
	s64 nr;
	s64 result;
};

SEC("tracepoint") int enter_futex(struct syscall_enter *call)
{
	futex_enter(call->args[0], call->args[1], call->args[2], call->args[3]);
	return 0;
}

SEC("tracepoint") int exit_futex(struct syscall_exit *call)
{
	futex_exit(call->result);
	return 0;
}

// ---- files and sockets ----

enum { S_IFMT = 0170000, S_IFSOCK = 0140000, S_IFREG = 0100000, S_IFBLK = 0060000, AF_UNIX = 1 };

struct descriptor {
	u32 mode;
	u64 socket;
	u64 port; // as in port_key
};

static inline_always u64 port_key_of(struct sock *sock, u16 family, u16 port)
{
	void *name = 0;

	if (family == AF_UNIX) {
		port = 0;
		// The accepted end of a named socket bears its name; the end that connected has none.
		if (field_info((struct unix_sock *)sock, addr, FIELD_EXISTS))
			read_field(name, (struct unix_sock *)sock, addr);
	}
	return (u64)family << 32 | (name ? 1 << 16 : 0) | port;
}

static inline_always void describe(struct task_struct *task, u64 number, struct descriptor *what)
{
	struct fdtable *table = task->files->fdt;
	struct file *file = 0;
	struct inode *inode = 0;
	struct socket *socket = 0;
	struct sock *sock = 0;
	u16 mode = 0, family = 0, port = 0;

	if (number >= table->max_fds)
		return;
	read_kernel(&file, sizeof(file), table->fd + number);
	read_field(inode, file, f_inode);
	read_field(mode, inode, i_mode);
	what->mode = mode & S_IFMT;
	if (what->mode != S_IFSOCK)
		return;
	read_field(socket, file, private_data);
	read_field(sock, socket, sk);
	read_field(family, sock, __sk_common.skc_family);
	read_field(port, sock, __sk_common.skc_num);
	what->socket = (u64)sock;
	what->port = port_key_of(sock, family, port);
}

static inline_always struct port *port_of(u64 group, u64 port)
{
	struct port_key key = { .group = group, .port = port };
	struct port *counted = map_lookup(&ports, &key);
	if (counted)
		return counted;
	map_update(&ports, &key, &no_port, BPF_NOEXIST);
	return map_lookup(&ports, &key);
}

static inline_always u64 *place_of(u64 socket)
{
	u32 place = (socket * 0x9e3779b97f4a7c15ULL) >> (64 - SOCKETS_LOG);
	return map_lookup(&asking, &place);
}

/// Data has moved on a socket of this port: that is what the thread waited for.
static inline_always struct thread *move(u64 group, u64 key)
{
	u32 tid = (u32)current_pid_tgid();
	struct thread *thread = map_lookup(&threads, &tid);

	if (!thread)
		return 0;
	thread->port = key;
	if (thread->away_waits) {
		struct port *port = port_of(group, key);
		if (port) {
			add(port->wait_ns, thread->away_ns);
			add(port->waits, thread->away_waits);
		}
		thread->away_ns = 0;
		thread->away_waits = 0;
	}
	return thread;
}

static inline_always void received(u64 group, u64 socket, u64 key)
{
	struct thread *thread = move(group, key);
	u64 *place = place_of(socket);

	if (place)
		*place = socket;
	if (thread) {
		thread->inside = 1;
		thread->inside_ns = 0;
		thread->inside_waits = 0;
	}
}

/// The first send after a receive is a reply.
static inline_always void sent(u64 group, u64 socket, u64 key)
{
	struct thread *thread = move(group, key);
	u64 *place = place_of(socket);

	if (!place || *place != socket)
		return;
	*place = 0;
	struct port *port = port_of(group, key);
	if (!port)
		return;
	add(port->replies, 1);
	if (thread && thread->inside) {
		add(port->hidden_ns, thread->inside_ns);
		add(port->hidden_waits, thread->inside_waits);
		thread->inside = 0;
	}
}

/// The first argument as a number: the verifier lets nobody calculate with a pointer.
static inline_always u64 number_of(u64 *args)
{
	u64 number = 0;
	read_kernel(&number, sizeof(number), args);
	return number;
}

static inline_always u64 key_of(struct sock *sock)
{
	return port_key_of(sock, sock->__sk_common.skc_family, sock->__sk_common.skc_num);
}

// Called for sockets alone, when data has moved.
SEC("tp_btf/sock_recv_length") int on_receive(u64 *args)
{
	u64 group = (s32)args[1] > 0 ? group_of(current_pid_tgid() >> 32) : 0;
	if (group)
		received(group, number_of(args), key_of((struct sock *)args[0]));
	return 0;
}

SEC("tp_btf/sock_send_length") int on_send(u64 *args)
{
	u64 group = (s32)args[1] > 0 ? group_of(current_pid_tgid() >> 32) : 0;
	if (group)
		sent(group, number_of(args), key_of((struct sock *)args[0]));
	return 0;
}

// Kernels before 6.3 have no such door: each call that may move data is asked what it is about.

static inline_always void receive(u64 number)
{
	struct descriptor what = {};
	u64 group = group_of(current_pid_tgid() >> 32);
	if (!group)
		return;
	describe(current_task(), number, &what);
	if (what.socket)
		received(group, what.socket, what.port);
}

static inline_always void send(u64 number)
{
	struct descriptor what = {};
	u64 group = group_of(current_pid_tgid() >> 32);
	if (!group)
		return;
	describe(current_task(), number, &what);
	if (what.socket)
		sent(group, what.socket, what.port);
}

static inline_always void chosen(void)
{
	u64 group = group_of(current_pid_tgid() >> 32);
	struct group *stats = group ? stats_of(group) : 0;
	if (stats)
		add(stats->requests, 1);
}

SEC("tracepoint") int enter_receive(struct syscall_enter *call)
{
	receive(call->args[0]);
	return 0;
}

SEC("tracepoint") int enter_send(struct syscall_enter *call)
{
	send(call->args[0]);
	return 0;
}

SEC("tracepoint") int enter_chosen(struct syscall_enter *call)
{
	chosen();
	return 0;
}

// Where tracefs is not mounted: one door for all system calls, which costs every process a little more.
enum role { NO_ROLE, ROLE_FUTEX, ROLE_RECEIVE, ROLE_SEND, ROLE_CHOSEN };

struct {
	MAP_UINT(type, BPF_MAP_TYPE_ARRAY);
	MAP_UINT(max_entries, SYSCALLS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u32);
} syscall_role SEC(".maps");

SEC("tp_btf/sys_enter") int enter_any(u64 *call)
{
	struct pt_regs *regs = (void *)call[0];
	u32 nr = call[1];
	u32 *role = map_lookup(&syscall_role, &nr);
	if (!role)
		return 0;
	switch (*role) {
	case ROLE_FUTEX:
		futex_enter(regs->di, regs->si, regs->dx, regs->r10);
		break;
	case ROLE_RECEIVE:
		receive(regs->di);
		break;
	case ROLE_SEND:
		send(regs->di);
		break;
	case ROLE_CHOSEN:
		chosen();
		break;
	}
	return 0;
}

SEC("tp_btf/sys_exit") int exit_any(u64 *call)
{
	struct pt_regs *regs = (void *)call[0];
	u32 nr = regs->orig_ax;
	u32 *role = map_lookup(&syscall_role, &nr);
	if (role && *role == ROLE_FUTEX)
		futex_exit((s64)call[1]);
	return 0;
}

// ---- on and off the CPU ----

static inline_always u32 why_off(struct task_struct *task, struct thread *thread)
{
	u64 waits_for_disk = 0;
	struct descriptor what = {};

	thread->off_port = 0;
	thread->guessed = 0;
	if (task->__state == 0)
		return RUN_QUEUE;
	if (task->__state & TASK_UNINTERRUPTIBLE)
		read_bits(waits_for_disk, task, in_iowait);
	if (waits_for_disk)
		return DISK;
	struct pt_regs *regs = task_regs(task);
	u32 nr = regs->orig_ax;
	u32 *class = map_lookup(&syscall_class, &nr);
	if (!class)
		return OTHER; // not in a system call: a fault, or stopped
	if (*class == FUTEX)
		return thread->wait_mutex ? LOCK : FUTEX;
	if (*class == SOCKET && thread->port) {
		thread->off_port = thread->port;
		thread->guessed = 1;
		return NETWORK;
	}
	if (*class < CLASSES)
		return *class;
	describe(task, regs->di, &what);
	thread->off_port = what.port;
	if (what.socket)
		return NETWORK;
	return what.mode == S_IFREG || what.mode == S_IFBLK ? DISK : OTHER;
}

static inline_always void leave_cpu(struct task_struct *task, u64 group, u64 now)
{
	if (task->__state == TASK_DEAD || task->flags & (PF_EXITING | PF_KTHREAD))
		return;
	struct thread *thread = thread_of(task->pid, group, now);
	if (!thread)
		return;
	if (thread->on_since)
		thread->cpu_ns += now - thread->on_since;
	thread->on_since = 0;
	thread->off_since = now;
	thread->off_class = why_off(task, thread);
}

static inline_always void enter_cpu(struct task_struct *task, u64 group, u64 now)
{
	if (task->flags & (PF_EXITING | PF_KTHREAD))
		return;
	struct thread *thread = thread_of(task->pid, group, now);
	if (!thread)
		return;
	if (watch_all) {
		struct group *stats = stats_of(group);
		if (stats)
			add(stats->runs, 1);
	}
	if (thread->off_since && now > thread->off_since) {
		u64 away = now - thread->off_since;
		u64 class = thread->off_class;
		// The others are counted elsewhere; most switches need no more than their thread.
		if (class >= FUTEX && class < CLASSES && class != NETWORK) {
			struct group *stats = stats_of(group);
			if (stats) {
				add(stats->off_ns[class], away);
				add(stats->off_count[class], 1);
			}
		}
		if (thread->inside && (class == FUTEX || class == POLL)) {
			thread->inside_ns += away;
			thread->inside_waits += 1;
		}
		if (class == NETWORK && thread->guessed) {
			thread->away_ns += away;
			thread->away_waits += 1;
		} else if (class == NETWORK) {
			struct port *port = port_of(group, thread->off_port);
			if (port) {
				add(port->wait_ns, away);
				add(port->waits, 1);
			}
		}
	}
	thread->off_since = 0;
	thread->on_since = now;
}

SEC("tp_btf/sched_switch") int on_switch(u64 *args)
{
	struct task_struct *last = (void *)args[1], *next = (void *)args[2];
	u64 last_group = group_of(last->tgid), next_group = group_of(next->tgid);
	if (!last_group && !next_group)
		return 0;
	u64 now = ktime_ns();
	if (last_group)
		leave_cpu(last, last_group, now);
	if (next_group)
		enter_cpu(next, next_group, now);
	return 0;
}

enum {
	PAUSE = 0x90f3,   // its bytes
	AROUND = 10,      // bytes before and after the place of a thread: a loop that spins is short
	USER = 3,         // of the code segment: it runs its own code, not the kernel's
};

/// Whether the interrupted code is a loop that waits by the instruction made for it.
static inline_always int spins(struct bpf_perf_event_data *context)
{
	u8 code[2 * AROUND] = {};

	if ((context->regs.cs & USER) != USER)
		return 0;
	if (read_user(code, sizeof(code), (void *)context->regs.ip - AROUND))
		return 0;
	for (u32 at = 0; at + 1 < sizeof(code); at++)
		if ((code[at] | code[at + 1] << 8) == PAUSE)
			return 1;
	return 0;
}

SEC("perf_event") int on_tick(struct bpf_perf_event_data *context)
{
	u64 id = current_pid_tgid();
	u64 group = group_of(id >> 32);

	if (!group)
		return 0;
	struct group *stats = stats_of(group);
	if (!stats)
		return 0;
	add(stats->ticks, 1);
	if ((s64)stats->waiters > 0)
		add(stats->ticks_contended, 1);
	if (spins(context))
		add(stats->ticks_spinning, 1);
	struct slots *known = map_lookup(&slots, &group);
	struct slot_ticks *ticks = map_lookup(&slot_ticks, &group);
	if (!known || !ticks || !known->count)
		return 0;
	u32 self = 0;
	u32 owns = 0;
	for (u32 slot = 0; slot < SLOTS; slot++) {
		u32 owner = 0;
		if (slot >= known->count)
			break;
		if (!known->address[slot])
			continue;
		if (read_user(&owner, sizeof(owner), (void *)known->address[slot] + known->offset[slot])) {
			add(ticks->unread[slot], 1);
			continue;
		}
		add(ticks->group_ticks[slot], 1);
		// The upper bits of a priority-inheriting word are flags.
		if (!known->offset[slot])
			owner &= 0x3fffffff;
		if (!owner)
			continue;
		if (!self)
			self = own_tid((u32)id);
		if (owner == self) {
			add(ticks->owner_ticks[slot], 1);
			owns = 1;
		}
	}
	if (owns)
		add(stats->ticks_owner, 1);
	return 0;
}

// ---- life and death ----

SEC("tp_btf/sched_process_fork") int on_fork(u64 *args)
{
	struct task_struct *parent = (void *)args[0], *child = (void *)args[1];
	u32 tgid = child->tgid;

	if (watch_all || !follow_children || tgid == parent->tgid)
		return 0;
	u32 group = group_of(parent->tgid);
	if (!group)
		return 0;
	if (map_update(&targets, &tgid, &group, BPF_ANY))
		count_total(GROUPS_FULL);
	else
		open_door(tgid, group);
	return 0;
}

SEC("tp_btf/sched_process_exec") int on_exec(u64 *args)
{
	struct task_struct *task = (void *)args[0];
	u32 old = args[1], tid = task->pid;
	u64 group = group_of(task->tgid);
	if (!group)
		return 0;
	map_delete(&threads, &old);
	map_delete(&threads, &tid);
	if (group != task->tgid)
		return 0;
	// The addresses of its locks mean nothing any more.
	map_delete(&slots, &group);
	struct group *stats = stats_of(group);
	if (stats)
		add(stats->execs, 1);
	return 0;
}

SEC("tp_btf/sched_process_exit") int on_exit(u64 *args)
{
	struct task_struct *task = (void *)args[0];
	u32 tid = task->pid, tgid = task->tgid;
	u64 group = group_of(tgid);
	if (!group)
		return 0;
	struct thread *thread = map_lookup(&threads, &tid);
	if (thread) {
		if (thread->wait_address)
			stop_waiting(thread, ktime_ns(), -4);
		map_delete(&threads, &tid);
	}
	struct signal_struct *signal = 0;
	s32 alive = 1;
	read_field(signal, task, signal);
	read_field(alive, signal, live.counter);
	if (alive > 0)
		return 0;
	struct group *stats = map_lookup(&groups, &group);
	if (stats)
		add(stats->exits, 1);
	if (!watch_all) {
		close_door(tgid);
		map_delete(&targets, &tgid);
	}
	if (group == tgid)
		map_delete(&slots, &group);
	return 0;
}
