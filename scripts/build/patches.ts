/**
 * What is changed in the engine's source before it is compiled, since the little state machines of rehup copy objects all
 * the time. Each is a text that must be there exactly once.
 */
export interface Patch {
  readonly file: string;
  /** What is put before it. */
  readonly before: string;
  readonly insert: string;
}

/** `{ ...state }`: a copy of a plain object shares its shape, instead of being given one property after the other. A plain object that is
 * added to another one is not listed first. */
const COPY: Patch = {
  file: 'quickjs.c',
  before: `    p = JS_VALUE_GET_OBJ(source);

    gpn_flags = JS_GPN_STRING_MASK | JS_GPN_SYMBOL_MASK | JS_GPN_ENUM_ONLY;
    if (p->is_exotic) {`,
  insert: `    p = JS_VALUE_GET_OBJ(source);
    if (!setprop && !pexcl && p->class_id == JS_CLASS_OBJECT && !p->is_exotic &&
        !p->shape->has_small_array_index && p->shape->deleted_prop_count == 0 &&
        JS_VALUE_GET_TAG(target) == JS_TAG_OBJECT && JS_VALUE_GET_OBJ(target) != p) {
        JSObject *to = JS_VALUE_GET_OBJ(target);
        JSShape *sh = p->shape;
        uint32_t count = sh->prop_count;
        for (i = 0; i < count; i++) {
            if (get_shape_prop(sh)[i].flags != JS_PROP_C_W_E ||
                JS_AtomGetKind(ctx, get_shape_prop(sh)[i].atom) != JS_ATOM_KIND_STRING)
                break;
        }
        if (i == count && to->class_id == JS_CLASS_OBJECT && !to->is_exotic) {
            if (sh->is_hashed && to->extensible && to->shape->prop_count == 0 &&
                to->shape->proto == sh->proto) {
                JSProperty *props = js_malloc(ctx, sizeof(JSProperty) * sh->prop_size);
                if (!props)
                    return -1;
                for (i = 0; i < count; i++)
                    props[i].u.value = JS_DupValue(ctx, p->prop[i].u.value);
                js_free(ctx, to->prop);
                to->prop = props;
                js_free_shape(ctx->rt, to->shape);
                to->shape = js_dup_shape(sh);
                return 0;
            }
            for (i = 0; i < count; i++) {
                if (JS_DefinePropertyValue(ctx, target, get_shape_prop(sh)[i].atom,
                                           JS_DupValue(ctx, p->prop[i].u.value),
                                           JS_PROP_C_W_E) < 0)
                    return -1;
            }
            return 0;
        }
    }

`,
};

/** `{ ...state, phase }`: a property is put into a plain object without being asked for what might be in the way. */
const LITERAL: Patch = {
  file: 'quickjs.c',
  before: `            {
                int ret;
                JSAtom atom;
                atom = get_u32(pc);
                pc += 4;

                ret = JS_DefinePropertyValue(ctx, sp[-2], atom, sp[-1],
                                             JS_PROP_C_W_E | JS_PROP_THROW);`,
  insert: `            if (JS_VALUE_GET_TAG(sp[-2]) == JS_TAG_OBJECT) {
                JSObject *p1 = JS_VALUE_GET_OBJ(sp[-2]);
                JSAtom atom = get_u32(pc);
                JSProperty *pr;
                if (p1->class_id == JS_CLASS_OBJECT && !p1->is_exotic && p1->extensible &&
                    !__JS_AtomIsTaggedInt(atom)) {
                    JSShapeProperty *prs = find_own_property(&pr, p1, atom);
                    if (!prs) {
                        pr = add_property(ctx, p1, atom, JS_PROP_C_W_E);
                        if (unlikely(!pr))
                            goto exception;
                        pr->u.value = sp[-1];
                        sp--;
                        pc += 4;
                        BREAK;
                    }
                    if (prs->flags == JS_PROP_C_W_E) {
                        sp--;
                        set_value(ctx, &pr->u.value, sp[0]);
                        pc += 4;
                        BREAK;
                    }
                }
            }
`,
};

/* What is read of a program can have its code, which never changes, in a room of its own, so that no image holds it (program.h). */

const ROOM: Patch = {
  file: 'quickjs.c',
  before: `static int JS_ReadFunctionBytecode(BCReaderState *s, JSFunctionBytecode *b,`,
  insert: `uint8_t *(*room_for_code)(size_t size);

`,
};

const CODE_APART: Patch = {
  file: 'quickjs.c',
  before: `    if (!bc.read_only_bytecode) {
        function_size += bc.byte_code_len;`,
  insert: `    if (!bc.read_only_bytecode && room_for_code) {
        bc.byte_code_buf = room_for_code(bc.byte_code_len);
        bc.read_only_bytecode = (bc.byte_code_buf != NULL);
    }
`,
};

const CODE_READ: Patch = {
  file: 'quickjs.c',
  before: `    if (s->is_rom_data) {
        /* directly use the input buffer */`,
  insert: `    if (b->read_only_bytecode && !s->is_rom_data) {
        bc_buf = b->byte_code_buf;
        if (bc_get_buf(s, bc_buf, bc_len))
            return -1;
    } else
`,
};

/* A function is made without the properties `length` and `name`, and a generator without an object for `prototype`, of which
 * nothing of rehup asks: functions are made all the time, and an image holds more than a thousand. */

const FUNCTION: Patch = {
  file: 'quickjs.c',
  before: `    name_atom = b->func_name;
    if (name_atom == JS_ATOM_NULL)
        name_atom = JS_ATOM_empty_string;
    js_function_set_properties(ctx, func_obj, name_atom,
                               b->defined_arg_count);

    if (b->func_kind & JS_FUNC_GENERATOR) {`,
  insert: `    if (b->has_prototype) {
        JS_SetConstructorBit(ctx, func_obj, TRUE);
        JS_DefineAutoInitProperty(ctx, func_obj, JS_ATOM_prototype,
                                  JS_AUTOINIT_ID_PROTOTYPE, NULL,
                                  JS_PROP_WRITABLE);
    }
    return func_obj;

`,
};

/** What a stack of calls names. */
const FUNCTION_NAME: Patch = {
  file: 'quickjs.c',
  before: `    if (!prs)
        return NULL;
    if ((prs->flags & JS_PROP_TMASK) != JS_PROP_NORMAL)
        return NULL;
    val = pr->u.value;
    if (JS_VALUE_GET_TAG(val) != JS_TAG_STRING)
        return NULL;
    return JS_ToCString(ctx, val);`,
  insert: `    if (!prs && js_class_has_bytecode(JS_VALUE_GET_OBJ(func)->class_id)) {
        JSAtom own = JS_VALUE_GET_OBJ(func)->u.func.function_bytecode->func_name;
        return own == JS_ATOM_NULL ? NULL : JS_AtomToCString(ctx, own);
    }
`,
};

/**
 * No variable is asked whether it has its value yet: rehup's source is such that it has, as the Node edition shows, whose
 * engine asks. That is a seventh of all instructions. `this` of a derived class is another matter.
 */
const UNASKED: readonly Patch[] = [
  {
    before: `                    if (s->vars[var_idx].is_lexical) {
                        if (op == OP_scope_put_var_init) {`,
    insert: unless('dbuf_putc(bc, OP_put_loc)'),
  },
  {
    before: `                    if (s->vars[var_idx].is_lexical) {
                        if (op == OP_scope_get_var_checkthis) {`,
    insert: unless('dbuf_putc(bc, OP_get_loc)'),
  },
  {
    before: `                    if (s->vars[var_idx].is_lexical)
                        get_op = OP_get_loc_check;`,
    insert: unless('get_op = OP_get_loc'),
  },
  {
    before: `                    if (s->closure_var[idx].is_lexical) {
                        if (op == OP_scope_put_var_init) {`,
    insert: unless('dbuf_putc(bc, OP_put_var_ref)'),
  },
  {
    before: `                    if (s->closure_var[idx].is_lexical) {
                        dbuf_putc(bc, OP_get_var_ref_check);`,
    insert: unless('dbuf_putc(bc, OP_get_var_ref)'),
  },
  {
    before: `                    if (s->closure_var[idx].is_lexical)
                        get_op = OP_get_var_ref_check;`,
    insert: unless('get_op = OP_get_var_ref'),
  },
  {
    before: `                                /* XXX: should check if variable can be used
                                   before initialization */`,
    insert: `                                if (vd->var_name != JS_ATOM_this) {
                                    scope_idx = vd->scope_next;
                                    continue;
                                }
`,
  },
].map((patch) => ({ file: 'quickjs.c', ...patch }));

/** What is done unless the variable is `this`. */
function unless(instruction: string): string {
  return `                    if (var_name != JS_ATOM_this)
                        ${instruction};
                    else
`;
}

export const PATCHES: readonly Patch[] = [
  FUNCTION,
  FUNCTION_NAME,
  COPY,
  LITERAL,
  ROOM,
  CODE_APART,
  CODE_READ,
  ...UNASKED,
];

/** @throws where the source is another than it is made for */
export function patched(source: string, { file, before, insert }: Patch): string {
  const parts = source.split(before);
  if (parts.length !== 2)
    throw new Error(
      `${file} is not the one to be changed: what stands before a change is there ${parts.length - 1} times`,
    );
  return parts.join(`${insert}${before}`);
}
