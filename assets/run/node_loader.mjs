// Passes what a program imports to the loader of OpenTelemetry's instrumentations, but only the modules that they ask for: a loader that wraps every
// module breaks programs.
let hook;
let wanted = new Set();

export async function initialize({ hookUrl, include }) {
  hook = await import(hookUrl);
  wanted = new Set(include);
  if (hook.initialize) await hook.initialize();
}

// The older name of a property, which some loaders read and Node copies, warns on standard error where Node has the newer one.
function quiet(context) {
  const { importAttributes, ...rest } = Object.getOwnPropertyDescriptors(context);
  if (!importAttributes) return context;
  const attributes = context.importAttributes;
  return Object.defineProperties({ importAttributes: attributes }, { ...rest, importAssertions: { value: attributes, enumerable: false } });
}

export function resolve(specifier, context, next) {
  // What stands for a module imports it by a marked name.
  return hook && (wanted.has(specifier) || specifier.includes('iitm=')) ? hook.resolve(specifier, quiet(context), next) : next(specifier, context);
}

export function load(url, context, next) {
  return hook && url.includes('iitm=') ? hook.load(url, quiet(context), next) : next(url, context);
}
