//! The modules of the crate, and the paths through which they name each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A module's path below the crate's root: `["store", "row"]`.
pub(crate) type ModulePath = Vec<String>;

/// Re-exports to follow before a path is taken as it is; more would be a chain that leads back to itself.
const REEXPORTS: usize = 8;

/// A module without its tests.
#[derive(Default)]
struct Module {
    /// Paths that the module names, as they are written.
    paths: BTreeSet<Vec<String>>,
    /// Names that the module imports, with the paths behind them.
    imports: BTreeMap<String, Vec<String>>,
}

/// All modules below `src`, without code that is compiled for tests alone.
pub(crate) struct Modules(BTreeMap<ModulePath, Module>);

impl Modules {
    /// Reads the crate in `root`.
    pub(crate) fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        for entry in ["lib.rs", "main.rs"] {
            let text = fs::read_to_string(root.join("src").join(entry)).expect("a crate root can be read");
            let file = syn::parse_file(&text).expect("a crate root is Rust");
            let path = if entry == "lib.rs" { vec![] } else { vec!["main".to_owned()] };
            collect(&file.items, &path, &root.join("src"), &mut modules);
        }
        Self(modules)
    }

    /// The paths of all modules.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &ModulePath> {
        self.0.keys()
    }

    /// Pairs of modules of which the first names the second or something in it. Re-exports are followed to where an item is defined.
    pub(crate) fn edges(&self) -> BTreeSet<(&ModulePath, ModulePath)> {
        let mut edges = BTreeSet::new();
        for (module, content) in &self.0 {
            for path in &content.paths {
                if let Some(target) = self.resolve(module, path, REEXPORTS).filter(|target| target != module) {
                    edges.insert((module, target));
                }
            }
        }
        edges
    }

    /// Modules that name `library`, a crate other than this one.
    pub(crate) fn users_of(&self, library: &str) -> Vec<&ModulePath> {
        let names = |module: &Module| module.paths.iter().any(|path| path.first().is_some_and(|first| first == library));
        self.0.iter().filter(|(_, module)| names(module)).map(|(path, _)| path).collect()
    }

    /// The module that defines what `path` names where it stands in `module`; `None` for what is not of this crate.
    fn resolve(&self, module: &ModulePath, path: &[String], reexports: usize) -> Option<ModulePath> {
        let (mut at, mut rest) = self.start(module, path)?;
        while let Some((name, behind)) = rest.split_first() {
            let child: ModulePath = at.iter().chain([name]).cloned().collect();
            if self.0.contains_key(&child) {
                (at, rest) = (child, behind);
                continue;
            }
            let import = self.0.get(&at).and_then(|module| module.imports.get(name)).filter(|_| reexports > 0);
            if let Some(import) = import {
                let whole: Vec<String> = import.iter().chain(behind).cloned().collect();
                return self.resolve(&at, &whole, reexports - 1).or(Some(at));
            }
            break;
        }
        Some(at)
    }

    /// Where a path begins, and its remaining names.
    fn start<'p>(&self, module: &ModulePath, path: &'p [String]) -> Option<(ModulePath, &'p [String])> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" | "agno_top" => Some((vec![], rest)),
            "self" => Some((module.clone(), rest)),
            "super" => {
                let above = module.split_last()?.1.to_vec();
                match rest.first() {
                    Some(next) if next == "super" => self.start(&above, rest),
                    _ => Some((above, rest)),
                }
            }
            name => {
                let child: ModulePath = module.iter().cloned().chain([name.to_owned()]).collect();
                self.0.contains_key(&child).then_some((child, rest))
            }
        }
    }
}

/// Adds a module and those below it.
fn collect(items: &[syn::Item], path: &ModulePath, dir: &Path, modules: &mut BTreeMap<ModulePath, Module>) {
    let mut module = Module::default();
    for item in items.iter().filter(|item| !is_for_tests(item)) {
        match item {
            syn::Item::Mod(inner) => {
                let name = inner.ident.to_string();
                let below: ModulePath = path.iter().cloned().chain([name.clone()]).collect();
                let inside = dir.join(&name);
                if let Some((_, items)) = &inner.content {
                    collect(items, &below, &inside, modules);
                } else {
                    let file = dir.join(format!("{name}.rs"));
                    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                    let file = syn::parse_file(&text).expect("a module is Rust");
                    collect(&file.items, &below, &inside, modules);
                }
            }
            syn::Item::Use(import) => module.import(&import.tree, &mut vec![]),
            item => module.visit_item(item),
        }
    }
    modules.insert(path.clone(), module);
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether the item is compiled for tests or fuzzing alone, which may name everything.
fn is_for_tests(item: &syn::Item) -> bool {
    attributes(item).iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        matches!(list.tokens.to_string().as_str(), "test" | "feature = \"fuzzing\"")
    })
}

impl Module {
    fn import(&mut self, tree: &syn::UseTree, before: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before);
                before.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before)),
            syn::UseTree::Name(name) if name.ident == "self" => self.add_import(before.last().cloned(), before.clone()),
            syn::UseTree::Name(name) => {
                let path = before.iter().cloned().chain([name.ident.to_string()]).collect();
                self.add_import(Some(name.ident.to_string()), path);
            }
            syn::UseTree::Rename(rename) => {
                let path = before.iter().cloned().chain([rename.ident.to_string()]).collect();
                self.add_import(Some(rename.rename.to_string()), path);
            }
            syn::UseTree::Glob(_) => _ = self.paths.insert(before.clone()),
        }
    }

    fn add_import(&mut self, name: Option<String>, path: Vec<String>) {
        if let Some(name) = name {
            self.imports.insert(name, path.clone());
        }
        self.paths.insert(path);
    }

    /// Adds the paths in a macro's tokens, which are not parsed.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut after_dot) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 && !path.is_empty() => path.push(name.to_string()),
                TokenTree::Ident(name) => {
                    self.end_path(&mut path);
                    if !after_dot {
                        path.push(name.to_string());
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Punct(punct) => {
                    self.end_path(&mut path);
                    after_dot = punct.as_char() == '.';
                    colons = 0;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.end_path(&mut path);
                    self.scan(group.stream());
                }
                TokenTree::Literal(_) => self.end_path(&mut path),
            }
            (colons, after_dot) = (0, false);
        }
        self.end_path(&mut path);
    }

    fn end_path(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.paths.insert(std::mem::take(path));
        }
        path.clear();
    }
}

impl Visit<'_> for Module {
    fn visit_path(&mut self, path: &syn::Path) {
        if path.segments.len() > 1 {
            self.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, import: &syn::ItemUse) {
        self.import(&import.tree, &mut vec![]);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        self.scan(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
