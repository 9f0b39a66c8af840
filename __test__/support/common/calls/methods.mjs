// Finds every method of live objects, with the name of its valid call.
const isObject = value => typeof value === 'object' && value !== null;

/** The names of an object's functions and of its class's, without those that only throw that they are unavailable. */
const functionsOf = object => {
  const names = new Set(Object.keys(object));
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null)
    Object.getOwnPropertyNames(prototype).forEach(name => names.add(name));
  names.delete('constructor');
  return [...names].filter(name => typeof object[name] === 'function' && object[name].name !== 'notAvailable');
};

/**
 * @param {string} parent the object's name in valid calls
 * @param {object} object
 * @param {string} [facet] the part of the store that has the object
 */
export const methodsOf = (parent, object, facet = parent) =>
  functionsOf(object).map(name => ({
    path: facet === parent ? `${parent}.${name}` : `${facet}.${parent}.${name}`,
    recipe: `${parent}.${name}`,
    facet,
    call: (...args) => object[name](...args),
  }));

/** All methods of a store, of its facets and of their parts. */
export const methodsOfStore = store => {
  const found = [];
  for (const [facet, object] of Object.entries(store)) {
    found.push(...methodsOf(facet, object));
    for (const [part, inner] of Object.entries(object)) {
      if (isObject(inner)) found.push(...methodsOf(part, inner, facet));
    }
  }
  return found;
};
