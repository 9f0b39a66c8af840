/**
 * Puts many mutants into one build. Each stands next to the code that it replaces, and an environment variable selects the
 * active one, so a mutant costs only the time of its tests. Mutants that cannot be written this way get their own builds.
 */
import { operationAt, tokensOf } from './rust-text.mjs';

export const VARIABLE = 'SWING_STORE_MUTANT';
export const TRACE_VARIABLE = 'SWING_STORE_MUTANT_TRACE';

const marker = number => `crate::mutants::active(${number})`;

/** The module that is added to the crate. It tells which mutant is active, and records which mutants were reached. */
export const switchModule = count => `
#[doc(hidden)]
#[allow(warnings, clippy::all)]
pub mod mutants {
    use std::sync::{OnceLock, atomic::{AtomicBool, Ordering}};
    static CHOSEN: OnceLock<(usize, Option<String>)> = OnceLock::new();
    static REACHED: [AtomicBool; ${count + 1}] = [const { AtomicBool::new(false) }; ${count + 1}];

    pub fn active(number: usize) -> bool {
        let (chosen, trace) = CHOSEN.get_or_init(|| {
            let chosen = std::env::var("${VARIABLE}").ok().and_then(|text| text.parse().ok());
            (chosen.unwrap_or(0), std::env::var("${TRACE_VARIABLE}").ok())
        });
        if let Some(file) = trace {
            // Write immediately, since the process may be killed.
            if !REACHED[number].swap(true, Ordering::Relaxed) {
                if let Ok(mut file) = std::fs::OpenOptions::new().append(true).open(file) {
                    let _ = std::io::Write::write_all(&mut file, format!("{number}\\n").as_bytes());
                }
            }
        }
        *chosen == number
    }
}
`;

/** The end of a prefix operator's operand, including calls, fields and indices. */
const prefixEnd = (tokens, at) => {
  let index = tokens.findIndex(token => token.start === at) + 1;
  while (['!', '-', '*', '&'].includes(tokens[index]?.text)) index += 1;
  let end;
  for (; index < tokens.length; index += 1) {
    const { text } = tokens[index];
    const macro = text === '!' && end === tokens[index].start && ['(', '['].includes(tokens[index + 1]?.text);
    if (['(', '['].includes(text)) {
      for (let depth = 1; depth > 0;) {
        index += 1;
        if (index >= tokens.length) return undefined;
        if (['(', '[', '{'].includes(tokens[index].text)) depth += 1;
        if ([')', ']', '}'].includes(tokens[index].text)) depth -= 1;
      }
    } else if (['as', 'else'].includes(text) || !(macro || /^[\p{L}\p{N}_".?]|^::$/u.test(text))) {
      break;
    }
    end = tokens[index].end;
  }
  return end;
};

/** The position of the arrow of a match arm; `undefined` if the arm has a guard. */
const arrowOf = (tokens, { start, end }) => {
  let depth = 0;
  for (const token of tokens) {
    if (token.start < start || token.end > end) continue;
    if (['(', '[', '{'].includes(token.text)) depth += 1;
    if ([')', ']', '}'].includes(token.text)) depth -= 1;
    if (depth === 0 && token.text === 'if') return undefined;
    if (depth === 0 && token.text === '=>') return token.start;
  }
  return undefined;
};

/** The range of code that a mutant's switch encloses, and the mutated code; `undefined` if it needs its own build. */
const siteOf = (text, tokens, mutant) => {
  const { genre, start, end, replacement } = mutant;
  switch (genre) {
    case 'FnValue':
      return { start, end, body: true, other: `return ${replacement};` };
    case 'MatchArmGuard':
      return { start, end, other: replacement };
    case 'UnaryOperator': {
      const last = prefixEnd(tokens, start);
      return last === undefined ? undefined : { start, end: last, other: text.slice(end, last) };
    }
    case 'BinaryOperator': {
      const whole = operationAt(text, tokens, start);
      return (
        whole && { ...whole, other: `${text.slice(whole.start, start)}${replacement}${text.slice(end, whole.end)}` }
      );
    }
    case 'MatchArm': {
      const arrow = arrowOf(tokens, mutant);
      return arrow && { start: arrow, end: arrow, guard: true, other: '' };
    }
    default:
      return undefined;
  }
};

/** Whether two ranges are nested or disjoint, so that a source can have both switches. */
const compatible = (a, b) =>
  a.end <= b.start ||
  b.end <= a.start ||
  (a.start <= b.start && b.end <= a.end) ||
  (b.start <= a.start && a.end <= b.end);

/** The switches of a file, outermost first, each with its mutants. */
const sitesOf = (text, mutants) => {
  const tokens = tokensOf(text);
  const sites = [];
  for (const mutant of mutants) {
    const place = siteOf(text, tokens, mutant);
    if (!place) continue;
    const { other, ...range } = place;
    let site = sites.find(({ start, end, body }) => start === range.start && end === range.end && body === range.body);
    if (!site) {
      if (!sites.every(known => compatible(known, range))) continue;
      site = { ...range, choices: [] };
      sites.push(site);
    }
    site.choices.push({ mutant, other });
  }
  // The body of a function encloses an expression with the same range.
  return sites.sort((a, b) => a.start - b.start || b.end - a.end || Boolean(b.body) - Boolean(a.body));
};

/**
 * Adds switches for all mutants that can have one. `numberOf` gives the number of a mutant. Returns the text, and the
 * mutants in it.
 */
export const withSwitches = (text, mutants, numberOf) => {
  const sites = sitesOf(text, mutants);
  let next = 0;
  const render = (start, end) => {
    let out = '';
    let at = start;
    while (next < sites.length && sites[next].start < end) {
      const site = sites[next];
      next += 1;
      out += text.slice(at, site.start);
      const inner = render(site.start, site.end);
      at = site.end;
      const active = ({ mutant }) => marker(numberOf(mutant));
      if (site.guard) {
        out += ` if !${active(site.choices[0])} `;
      } else if (site.body) {
        out += `${site.choices.map(choice => `if ${active(choice)} { ${choice.other} }\n`).join('')}${inner}`;
      } else {
        out += `(${site.choices.map(choice => `if ${active(choice)} { ${choice.other} } else `).join('')}{ ${inner} })`;
      }
    }
    return out + text.slice(at, end);
  };
  return { text: render(0, text.length), mutants: sites.flatMap(({ choices }) => choices.map(({ mutant }) => mutant)) };
};

/** Applies one mutant to a source. */
export const withMutant = (text, { start, end, replacement }) =>
  `${text.slice(0, start)}${replacement}${text.slice(end)}`;

/** The number of the last switch before the end of an error's range, and whether the range is in its mutated code. */
export const switchBefore = (text, start, end) => {
  const found = [...text.slice(0, end).matchAll(/crate::mutants::active\((\d+)\)/g)].at(-1);
  return (
    found && { number: Number(found[1]), own: found.index < start && !text.slice(found.index, start).includes('}') }
  );
};
