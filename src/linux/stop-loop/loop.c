/*
 * The loop of a tracer that aborts sections by the hundred thousand: waits, and where a thread stands at one of our breakpoints in the way that is known,
 * takes it away, counts, plants what comes next, and lets the thread go on. Everything else goes back to TypeScript, untouched: what is done here is what
 * Campaign would do. layout.ts names the same fields; build.sh makes code.ts of this.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

/* Open addressing; tid 0: free. */
struct thread {
  u64 rseq_cs; /* address of the field */
  u32 tid;
  u32 memory;  /* descriptor of /proc/PID/mem */
  u32 column;  /* of `seen` */
  u32 last;    /* index + 1 of the site where it has stopped last; 0: nowhere */
  u32 request; /* of ptrace, by which it goes on: CONT or SYSCALL */
  u32 unused;
};

struct site {
  u64 at;
  u64 descriptor; /* what rseq_cs holds where the thread is in the section; 0: an exit */
  u64 count;      /* aborts here */
  u32 memory;
  u32 instance;
  u32 row;        /* of `seen` */
  u8 original;
  u8 planted;
  u8 wanted;      /* it is planted at the beginning of a round */
  u8 single;      /* an instruction of one byte: whoever stands behind it has perhaps not come by our breakpoint */
};

struct instance {
  u64 window;    /* the section's bytes with the breakpoints in them, or 0 */
  u64 window_at; /* ... where they are in the program */
  u64 list;      /* u32[]: points to plant, one round behind the other; 0: all that are wanted */
  u32 first;     /* its points, and behind them its exits */
  u32 points;
  u32 exits;
  u32 leaving;   /* the exits are planted */
  u32 half;      /* the first of a pair was hit */
  u32 pairs;     /* a round has two points, one behind the other */
  u32 budget;    /* rounds that may be begun here; 0: keep off */
  u32 rounds;    /* that were */
  u32 next;      /* in `list` */
  u32 touched;
};

struct loop {
  u64 threads, sites, instances, places, seen;
  u32 thread_mask; /* sizes are powers of two */
  u32 place_mask;  /* of `places`: u32[], a site's index + 1, by address and memory */
  u32 columns;
  u32 quota;       /* stops before TypeScript has a look */
  u32 tid, status; /* of the stop that is not ours */
  u32 last;        /* index of the site of the last abort */
  u32 last_tid;
  u32 stops;
  u32 changes;     /* stops that were another thread's than the one before */
  u64 word;
};

enum { WALL_UNTRACED_NOTHREAD = 0x60000002, SIGTRAP_STOP = 0x057f, PEEKDATA = 2, PEEKUSER = 3, POKEUSER = 6, GETSIGINFO = 0x4202, RIP = 128, SI_KERNEL = 0x80 };
enum { SYS_pwrite64 = 18, SYS_wait4 = 61, SYS_ptrace = 101 };
enum { MINE_NOT = 0, QUOTA = 1 };

static inline long call(long number, u64 a, u64 b, u64 c, u64 d) {
  register u64 r10 __asm__("r10") = d;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

static inline u32 place_of(u64 at, u32 memory) {
  return (u32)(((at ^ ((u64)memory << 40)) * 0x9e3779b97f4a7c15ul) >> 40);
}

/* What a change leaves to be written of the window. */
struct span { u64 from, to; };

static inline void change(struct site *s, struct instance *i, struct span *span, int plant) {
  if (s->planted == plant) return;
  s->planted = plant;
  u8 byte = plant ? 0xcc : s->original;
  if (!i->window) {
    call(SYS_pwrite64, s->memory, (u64)&byte, 1, s->at);
    return;
  }
  u64 offset = s->at - i->window_at;
  ((u8 *)i->window)[offset] = byte;
  if (offset < span->from) span->from = offset;
  if (offset >= span->to) span->to = offset + 1;
}

__attribute__((section(".text.first"))) long run(struct loop *l) {
  struct site *sites = (struct site *)l->sites;
  for (u32 n = 0; n < l->quota; n++) {
    u32 status = 0;
    long tid = call(SYS_wait4, -1, (u64)&status, WALL_UNTRACED_NOTHREAD, 0);
    l->tid = tid;
    l->status = status;
    if (tid <= 0 || status != SIGTRAP_STOP) return MINE_NOT;
    struct thread *t = (struct thread *)l->threads;
    u32 slot = (u32)tid & l->thread_mask;
    while (t[slot].tid != (u32)tid && t[slot].tid) slot = (slot + 1) & l->thread_mask;
    t += slot;
    if (!t->tid || call(SYS_ptrace, PEEKUSER, tid, RIP, (u64)&l->word)) return MINE_NOT;
    u64 at = l->word - 1;
    u32 *places = (u32 *)l->places, place = place_of(at, t->memory) & l->place_mask;
    struct site *s;
    for (;; place = (place + 1) & l->place_mask) {
      if (!places[place]) return MINE_NOT;
      s = sites + places[place] - 1;
      if (s->at == at && s->memory == t->memory) break;
    }
    struct instance *i = (struct instance *)l->instances + s->instance;
    if (!i->budget) return MINE_NOT;
    if (s->single) {
      u32 info[32];
      if (call(SYS_ptrace, GETSIGINFO, tid, 0, (u64)info) || info[2] != SI_KERNEL) return MINE_NOT;
    }
    struct span span = {~0ul, 0};
    struct site *own = sites + i->first, *exits = own + i->points, *end = exits + i->exits;
    if (s->descriptor) {
      if (call(SYS_ptrace, PEEKDATA, tid, t->rseq_cs, (u64)&l->word) || l->word != s->descriptor) return MINE_NOT;
      if (!((u8 *)l->seen)[(u64)s->row * l->columns + t->column]) return MINE_NOT;
      s->count++;
      l->last = s - sites;
      /* One that another thread has taken away since is an abort, and no more. */
      if (s->planted) {
        change(s, i, &span, 0);
        if (i->pairs && !i->half) {
          i->half = 1;
          change(own + ((u32 *)i->list)[i->next++], i, &span, 1);
        }
        if (!i->leaving) {
          i->leaving = 1;
          for (struct site *each = exits; each < end; each++) change(each, i, &span, 1);
        }
      }
    } else if (i->leaving) {
      /* Somebody has left the section unaborted: the next round. */
      i->budget--;
      i->rounds++;
      i->leaving = i->half = 0;
      for (struct site *each = exits; each < end; each++) change(each, i, &span, 0);
      for (struct site *each = own; each < exits; each++) {
        if (i->list) change(each, i, &span, 0);
        else if (each->wanted) change(each, i, &span, 1);
      }
      if (i->list) change(own + ((u32 *)i->list)[i->next++], i, &span, 1);
    }
    i->touched = 1;
    t->last = s - sites + 1;
    if (span.from < span.to) call(SYS_pwrite64, s->memory, i->window + span.from, span.to - span.from, i->window_at + span.from);
    /* Behind the int3 the thread is inside still, and the kernel moves it away; but not where the section ends with that byte. */
    if (!s->descriptor || s->single) call(SYS_ptrace, POKEUSER, tid, RIP, at);
    l->stops++;
    if (l->last_tid != (u32)tid) l->changes++;
    l->last_tid = tid;
    call(SYS_ptrace, t->request, tid, 0, 0);
  }
  return QUOTA;
}
