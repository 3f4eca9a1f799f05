//! Everything that one module file names: imports, paths, macros and dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Path of a module below its crate; the root is empty.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ModulePath(pub(crate) Vec<String>);

/// An imported name.
pub(crate) struct Import {
    /// Path below the crate.
    pub(crate) path: Vec<String>,
    /// Whether other modules may import it from here.
    pub(crate) public: bool,
}

/// The names in a module file.
pub(crate) struct References {
    module: ModulePath,
    /// Modules that the file declares, except those for tests.
    pub(crate) children: BTreeSet<String>,
    /// Items that the file defines.
    pub(crate) items: BTreeSet<String>,
    /// Names imported from the same crate.
    pub(crate) imports: BTreeMap<String, Import>,
    /// Modules whose public items are re-exported as a whole.
    pub(crate) glob_reexports: Vec<Vec<String>>,
    /// Paths as written.
    written: BTreeSet<Vec<String>>,
    /// Names of the macros that the file calls.
    pub(crate) macros: BTreeSet<String>,
}

impl ModulePath {
    pub(crate) fn child(&self, name: &str) -> Self {
        Self([self.0.as_slice(), &[name.to_owned()]].concat())
    }

    /// The module below the root that holds this one.
    pub(crate) fn top(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    pub(crate) fn is_ancestor_of(&self, other: &Self) -> bool {
        !self.0.is_empty() && self != other && other.0.starts_with(&self.0)
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("::"))
    }
}

impl References {
    pub(crate) fn new(module: ModulePath) -> Self {
        Self {
            module,
            children: BTreeSet::new(),
            items: BTreeSet::new(),
            imports: BTreeMap::new(),
            glob_reexports: Vec::new(),
            written: BTreeSet::new(),
            macros: BTreeSet::new(),
        }
    }

    /// Returns the paths below the crate that the file uses, its re-exports not included.
    pub(crate) fn paths(&self) -> BTreeSet<Vec<String>> {
        let imports = self.imports.values().filter(|import| !import.public);
        let imports = imports.map(|import| import.path.clone());
        let written = self.written.iter().filter_map(|path| self.absolute(path));
        imports.chain(written).collect()
    }

    /// Returns the first segment of every path that leads out of the crate or names a local item.
    pub(crate) fn first_segments(&self) -> impl Iterator<Item = &str> {
        let outside = self
            .written
            .iter()
            .filter(|path| self.absolute(path).is_none());
        outside.map(|path| path[0].as_str())
    }

    /// Returns whether the file names a function of the standard library in this way, for example
    /// as `fs::read` or `std::fs::read`.
    pub(crate) fn names_function(&self, module: &str, function: &str) -> bool {
        let suffix = [module.to_owned(), function.to_owned()];
        self.written.iter().any(|path| path.ends_with(&suffix))
    }

    /// Resolves a path as written to one below the crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let module = self.module.0.as_slice();
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let ups = path
                    .iter()
                    .take_while(|segment| *segment == "super")
                    .count();
                let parent = &module[..module.len().checked_sub(ups)?];
                Some([parent, &path[ups..]].concat())
            }
            // A function may have the name of the module that defines it.
            name if self.children.contains(name) && !rest.is_empty() => {
                Some([module, path].concat())
            }
            name => {
                let import = self.imports.get(name)?;
                Some([import.path.as_slice(), rest].concat())
            }
        }
    }

    /// Adds the names of a `use` declaration.
    fn import(&mut self, tree: &syn::UseTree, prefix: &[String], public: bool) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(tree) => self.import(&tree.tree, &with(&tree.ident), public),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix, public);
                }
            }
            syn::UseTree::Name(tree) if tree.ident == "self" => {
                let name = prefix.last().cloned().unwrap_or_default();
                self.imported(&name, prefix, public);
            }
            syn::UseTree::Name(tree) => {
                self.imported(&tree.ident.to_string(), &with(&tree.ident), public);
            }
            syn::UseTree::Rename(tree) => {
                let path = match prefix {
                    [_, ..] if tree.ident == "self" => prefix.to_vec(),
                    prefix => [prefix, &[tree.ident.to_string()]].concat(),
                };
                self.imported(&tree.rename.to_string(), &path, public);
            }
            syn::UseTree::Glob(_) => match self.absolute(prefix) {
                Some(module) if public => self.glob_reexports.push(module),
                _ => {
                    self.written.insert([prefix, &["*".to_owned()]].concat());
                }
            },
        }
    }

    fn imported(&mut self, name: &str, path: &[String], public: bool) {
        match self.absolute(path) {
            Some(path) => {
                self.imports
                    .insert(name.to_owned(), Import { path, public });
            }
            None => {
                self.written.insert(path.to_vec());
            }
        }
    }

    /// Adds the paths in the arguments of a macro, whose syntax only the macro knows.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        let mut all = tokens.into_iter().peekable();
        while let Some(token) = all.next() {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.token_path(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                    if matches!(all.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == '!') {
                        self.macros.insert(ident.to_string());
                    }
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                other => {
                    self.token_path(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.token_path(&mut path);
    }

    /// A lone lower-case word is rather a variable or a field than an import.
    fn token_path(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        let upper = |name: &String| name.starts_with(|c: char| c.is_ascii_uppercase());
        if path.len() > 1 || path.first().is_some_and(upper) {
            self.written.insert(path);
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let test = |list: &syn::MetaList| list.tokens.to_string() == "test";
        attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(test)
    })
}

fn item_name(item: &syn::Item) -> Option<&syn::Ident> {
    match item {
        syn::Item::Const(item) => Some(&item.ident),
        syn::Item::Enum(item) => Some(&item.ident),
        syn::Item::Fn(item) => Some(&item.sig.ident),
        syn::Item::Static(item) => Some(&item.ident),
        syn::Item::Struct(item) => Some(&item.ident),
        syn::Item::Trait(item) => Some(&item.ident),
        syn::Item::Type(item) => Some(&item.ident),
        _ => None,
    }
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

impl<'ast> Visit<'ast> for References {
    fn visit_file(&mut self, file: &'ast syn::File) {
        // Names of children first: imports may start with one.
        for item in file.items.iter().filter(|item| !is_test(attributes(item))) {
            if let syn::Item::Mod(item) = item {
                assert!(
                    item.content.is_none(),
                    "{}: move mod {} to a file",
                    self.module,
                    item.ident
                );
                self.children.insert(item.ident.to_string());
            }
            self.items.extend(item_name(item).map(ToString::to_string));
        }
        visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let public = !matches!(item.vis, syn::Visibility::Inherited);
        self.import(&item.tree, &[], public);
    }

    /// Derives and other attributes.
    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.tokens(list.tokens.clone());
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter();
        self.written
            .insert(segments.map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last();
        self.macros.extend(name.map(|name| name.ident.to_string()));
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
