// The part of `pageferry trace record` that runs inside valgrind: a tool that writes each load and store of the program as 16
// bytes, where valgrind's lackey writes a line. One file; Sources/Trace/Record/ToolBuild.swift has how it is built with
// valgrind's public headers (pub_tool_*.h, libvex_ir.h) and static libraries. What is built contains valgrind, which is under the
// GPL: it is for the machine it was built on.
//
// Which accesses there are, their order, and where they are handed over in a superblock follow lackey with --trace-mem=yes
// (valgrind 3.19, lackey/lk_main.c, lk_instrument and flushEvents), so that both make the same trace: a test compares them.

#include "pub_tool_basics.h"
#include "pub_tool_libcassert.h"
#include "pub_tool_libcbase.h"
#include "pub_tool_libcfile.h"
#include "pub_tool_libcprint.h"
#include "pub_tool_libcproc.h"
#include "pub_tool_machine.h"
#include "pub_tool_options.h"
#include "pub_tool_tooliface.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"

// ---- The stream. Sources/Trace/Record/AccessStream.swift has the same.
//
// 16 bytes that begin it, then records of 16 bytes: the address, then a word. Bits 0-2 of the word are the kind, 3-15 the bytes
// (1 to 4096), 16-63 the instructions executed before and with this one, modulo 2^48. The record of kind PF_END stands where
// everything so far was handed over and the program may end; more follows if it does not.

#define PF_MAGIC 0x3130475646504750ULL // "PGPFVG01"
#define PF_VERSION 1ULL
enum { PF_END, PF_LOAD, PF_STORE, PF_MODIFY, PF_FETCH };
#define PF_SIZE_SHIFT 3
#define PF_COUNT_SHIFT 16
#define PF_MAX_BYTES 4096

typedef struct {
  ULong address, word;
} pf_record;

// 128 KiB; a pipe holds a mebibyte.
#define PF_RECORDS 8192
// Events that wait to be handed over, instructions among them. lackey's number: with the same one, a fault in the middle of a
// superblock loses the same accesses.
#define PF_EVENTS 4

// Records handed over from code; PF_EVENTS more than the limit, for the check comes behind.
static pf_record pf_buffer[PF_RECORDS + PF_EVENTS];
// Both are read and written by translated code.
static pf_record *pf_next = pf_buffer;
static ULong pf_count; // instructions, in the place that they have in a word

static Int pf_fd = -1;
static Bool pf_fetches = False;

// Of valgrind's core, and in none of the public headers: moves a descriptor to where the program can neither see nor close it
// (coregrind/pub_core_libcfile.h).
extern Int VG_(safe_fd)(Int old_descriptor);

// Writes what there is. Of a process that is not recorded, drops it.
static void pf_flush(void) {
  const HChar *from = (const HChar *)pf_buffer;
  const HChar *end = (const HChar *)pf_next;
  pf_next = pf_buffer;
  while (from < end && pf_fd >= 0) {
    Int count = VG_(write)(pf_fd, from, (Int)(end - from));
    if (count == -VKI_EINTR || count == -VKI_EAGAIN) continue;
    // Nobody reads.
    if (count <= 0) pf_fd = -1;
    from += count;
  }
}

static void pf_full(void) { pf_flush(); }

static void pf_mark_end(void) {
  pf_next->address = 0;
  pf_next->word = pf_count | PF_END;
  pf_next++;
  pf_flush();
}

// ---- Superblocks

typedef struct {
  Int kind;
  IRExpr *address; // an atom
  Int size;
  IRExpr *guard; // an atom; NULL: always
} pf_event;

static pf_event pf_events[PF_EVENTS];
static Int pf_waiting;

static IRExpr *pf_word(ULong value) { return IRExpr_Const(IRConst_U64(value)); }

static IRExpr *pf_place(const void *place) { return mkIRExpr_HWord((HWord)place); }

static IRExpr *pf_assign(IRSB *out, IRType type, IRExpr *value) {
  IRTemp temp = newIRTemp(out->tyenv, type);
  addStmtToIRSB(out, IRStmt_WrTmp(temp, value));
  return IRExpr_RdTmp(temp);
}

static IRExpr *pf_add(IRSB *out, IRExpr *value, ULong more) {
  return more == 0 ? value : pf_assign(out, Ity_I64, IRExpr_Binop(Iop_Add64, value, pf_word(more)));
}

static IRExpr *pf_load(IRSB *out, const void *place) {
  return pf_assign(out, Ity_I64, IRExpr_Load(Iend_LE, Ity_I64, pf_place(place)));
}

static void pf_store(IRSB *out, IRExpr *place, IRExpr *value) { addStmtToIRSB(out, IRStmt_Store(Iend_LE, place, value)); }

// Hands the events over: code that writes a record for each and calls only when the buffer is full.
static void pf_hand_over(IRSB *out) {
  ULong instructions = 0, records = 0;
  Int i;
  for (i = 0; i < pf_waiting; i++) {
    if (pf_events[i].kind != PF_FETCH || pf_fetches) records++;
    if (pf_events[i].kind == PF_FETCH && !pf_fetches) instructions++;
  }
  IRExpr *count = records + instructions > 0 ? pf_load(out, &pf_count) : NULL;
  IRExpr *next = records > 0 ? pf_load(out, &pf_next) : NULL;
  ULong before = 0, offset = 0;
  for (i = 0; i < pf_waiting; i++) {
    pf_event *event = &pf_events[i];
    if (event->kind == PF_FETCH && !pf_fetches) {
      before++;
      continue;
    }
    ULong word = before << PF_COUNT_SHIFT | (ULong)event->size << PF_SIZE_SHIFT | (ULong)event->kind;
    pf_store(out, pf_add(out, next, offset), event->address);
    pf_store(out, pf_add(out, next, offset + 8), pf_add(out, count, word));
    offset += sizeof(pf_record);
    if (event->guard != NULL) {
      // Written in any case; it stays when the access is made.
      IRExpr *kept = pf_add(out, next, offset);
      IRExpr *dropped = pf_add(out, next, offset - sizeof(pf_record));
      next = pf_assign(out, Ity_I64, IRExpr_ITE(event->guard, kept, dropped));
      offset = 0;
    }
  }
  if (instructions > 0) pf_store(out, pf_place(&pf_count), pf_add(out, count, instructions << PF_COUNT_SHIFT));
  if (records > 0) {
    next = pf_add(out, next, offset);
    pf_store(out, pf_place(&pf_next), next);
    IRDirty *call = unsafeIRDirty_0_N(0, "pf_full", VG_(fnptr_to_fnentry)(&pf_full), mkIRExprVec_0());
    call->guard =
      pf_assign(out, Ity_I1, IRExpr_Binop(Iop_CmpLE64U, pf_word((ULong)(HWord)(pf_buffer + PF_RECORDS - 1)), next));
    addStmtToIRSB(out, IRStmt_Dirty(call));
  }
  pf_waiting = 0;
}

static void pf_wait(IRSB *out, Int kind, IRExpr *address, Int size, IRExpr *guard) {
  tl_assert(size >= 1 && size <= PF_MAX_BYTES);
  if (kind == PF_STORE && guard == NULL && pf_waiting > 0) {
    // A store right behind a load of the same place changes it.
    pf_event *last = &pf_events[pf_waiting - 1];
    if (last->kind == PF_LOAD && last->size == size && last->guard == NULL && eqIRAtom(last->address, address)) {
      last->kind = PF_MODIFY;
      return;
    }
  }
  if (pf_waiting == PF_EVENTS) pf_hand_over(out);
  pf_events[pf_waiting++] = (pf_event){kind, address, size, guard};
}

static IRSB *pf_instrument(
  VgCallbackClosure *closure, IRSB *in, const VexGuestLayout *layout, const VexGuestExtents *extents,
  const VexArchInfo *arch, IRType guest_word, IRType host_word) {
  tl_assert(guest_word == Ity_I64 && host_word == Ity_I64);
  IRSB *out = deepCopyIRSBExceptStmts(in);
  Int i = 0;
  pf_waiting = 0;
  // What stands before the first instruction is valgrind's own.
  for (; i < in->stmts_used && in->stmts[i]->tag != Ist_IMark; i++) addStmtToIRSB(out, in->stmts[i]);
  for (; i < in->stmts_used; i++) {
    IRStmt *s = in->stmts[i];
    Bool is_linked = False;
    if (s == NULL || s->tag == Ist_NoOp) continue;
    switch (s->tag) {
    case Ist_IMark:
      // One that valgrind does not know has no length; it ends in SIGILL.
      pf_wait(out, PF_FETCH, pf_word(s->Ist.IMark.addr), s->Ist.IMark.len == 0 ? 1 : s->Ist.IMark.len, NULL);
      break;
    case Ist_WrTmp: {
      IRExpr *data = s->Ist.WrTmp.data;
      if (data->tag == Iex_Load) pf_wait(out, PF_LOAD, data->Iex.Load.addr, sizeofIRType(data->Iex.Load.ty), NULL);
      break;
    }
    case Ist_Store:
      pf_wait(out, PF_STORE, s->Ist.Store.addr, sizeofIRType(typeOfIRExpr(in->tyenv, s->Ist.Store.data)), NULL);
      break;
    case Ist_StoreG: {
      IRStoreG *store = s->Ist.StoreG.details;
      pf_wait(out, PF_STORE, store->addr, sizeofIRType(typeOfIRExpr(in->tyenv, store->data)), store->guard);
      break;
    }
    case Ist_LoadG: {
      IRLoadG *load = s->Ist.LoadG.details;
      IRType widened = Ity_INVALID, loaded = Ity_INVALID;
      typeOfIRLoadGOp(load->cvt, &widened, &loaded);
      pf_wait(out, PF_LOAD, load->addr, sizeofIRType(loaded), load->guard);
      break;
    }
    case Ist_Dirty: {
      // A helper in C, for an instruction that has no other form: fxsave, cpuid.
      IRDirty *call = s->Ist.Dirty.details;
      if (call->mFx == Ifx_Read || call->mFx == Ifx_Modify) pf_wait(out, PF_LOAD, call->mAddr, call->mSize, NULL);
      if (call->mFx == Ifx_Write || call->mFx == Ifx_Modify) pf_wait(out, PF_STORE, call->mAddr, call->mSize, NULL);
      break;
    }
    case Ist_CAS: {
      IRCAS *cas = s->Ist.CAS.details;
      Int size = sizeofIRType(typeOfIRExpr(in->tyenv, cas->dataLo)) * (cas->dataHi == NULL ? 1 : 2);
      pf_wait(out, PF_LOAD, cas->addr, size, NULL);
      pf_wait(out, PF_STORE, cas->addr, size, NULL);
      break;
    }
    case Ist_LLSC:
      is_linked = s->Ist.LLSC.storedata == NULL;
      pf_wait(
        out, is_linked ? PF_LOAD : PF_STORE, s->Ist.LLSC.addr,
        sizeofIRType(is_linked ? typeOfIRTemp(in->tyenv, s->Ist.LLSC.result)
                               : typeOfIRExpr(in->tyenv, s->Ist.LLSC.storedata)),
        NULL);
      // Our stores between the two would make the second fail.
      if (is_linked) pf_hand_over(out);
      break;
    case Ist_Exit:
      pf_hand_over(out);
      break;
    default:
      break;
    }
    addStmtToIRSB(out, s);
  }
  pf_hand_over(out);
  return out;
}

// ---- The process

// Everything goes out before the program tells others or waits: so nothing is lost when it executes another program or kills
// itself, and a trace that is full is known to be.
static void pf_before_call(ThreadId thread, UInt number, UWord *arguments, UInt count) {
  if (number == __NR_execve || number == __NR_execveat) pf_mark_end();
  else if (pf_next != pf_buffer) pf_flush();
}

static void pf_after_call(ThreadId thread, UInt number, UWord *arguments, UInt count, SysRes result) {}

// A forked copy is not recorded.
static void pf_in_child(ThreadId thread) {
  if (pf_fd >= 0) VG_(close)(pf_fd);
  pf_fd = -1;
  pf_next = pf_buffer;
}

static Bool pf_option(const HChar *argument) {
  if VG_INT_CLO (argument, "--out-fd", pf_fd) {
    return True;
  } else if VG_BOOL_CLO (argument, "--fetches", pf_fetches) {
    return True;
  }
  return False;
}

static void pf_usage(void) {
  VG_(printf)("    --out-fd=<number>         descriptor to write records to\n"
              "    --fetches=no|yes          records of instruction fetches too [no]\n");
}

static void pf_debug_usage(void) { VG_(printf)("    (none)\n"); }

static void pf_after_options(void) {
  if (pf_fd < 0) VG_(fmsg_bad_option)("--out-fd", "pageferry trace record gives it\n");
  pf_fd = VG_(safe_fd)(pf_fd);
  VG_(atfork)(NULL, NULL, pf_in_child);
  pf_next->address = PF_MAGIC;
  pf_next->word = PF_VERSION;
  pf_next++;
  pf_flush();
}

static void pf_at_end(Int status) { pf_mark_end(); }

static void pf_before_options(void) {
  VG_(details_name)("Pageferry");
  VG_(details_version)(NULL);
  VG_(details_description)("hands a program's accesses to pageferry trace record");
  VG_(details_copyright_author)("The Pageferry authors; the tool's own source is under the MIT license.");
  VG_(details_bug_reports_to)("the Pageferry authors");
  VG_(basic_tool_funcs)(pf_after_options, pf_instrument, pf_at_end);
  VG_(needs_command_line_options)(pf_option, pf_usage, pf_debug_usage);
  VG_(needs_syscall_wrapper)(pf_before_call, pf_after_call);
}

VG_DETERMINE_INTERFACE_VERSION(pf_before_options)
