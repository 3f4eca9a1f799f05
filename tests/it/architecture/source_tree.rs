//! The modules of a crate and the references between them, parsed with `syn`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::Visit;

use crate::architecture::references::{ModulePath, References};

/// The modules of a crate by their path.
pub(crate) struct SourceTree {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

/// A module file and what it names.
pub(crate) struct Module {
    pub(crate) file: String,
    pub(crate) references: References,
}

/// A module names something that another module defines or re-exports.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Edge {
    pub(crate) from: ModulePath,
    pub(crate) to: ModulePath,
    /// The path as resolved below the crate: `config::proxy::Proxy`.
    pub(crate) path: String,
}

impl SourceTree {
    /// Parses a crate from its root file, without code that is compiled for tests only.
    pub(crate) fn parse(root: &Path) -> Self {
        let mut tree = Self {
            modules: BTreeMap::new(),
        };
        let folder = root.parent().expect("a file is in a folder");
        tree.add(ModulePath::default(), root, folder);
        tree
    }

    fn add(&mut self, path: ModulePath, file: &Path, folder: &Path) {
        let text = fs::read_to_string(file)
            .unwrap_or_else(|error| panic!("failed to read {}: {error}", file.display()));
        let syntax = syn::parse_file(&text)
            .unwrap_or_else(|error| panic!("failed to parse {}: {error}", file.display()));
        let mut references = References::new(path.clone());
        references.visit_file(&syntax);
        for child in &references.children {
            let file = folder.join(format!("{child}.rs"));
            self.add(path.child(child), &file, &folder.join(child));
        }
        let file = file.display().to_string();
        self.modules.insert(path, Module { file, references });
    }

    /// Returns the edges between the modules of the crate.
    ///
    /// A parent that only declares and re-exports a child has no edge to it. A module that takes
    /// a re-export from one of its parents has an edge to that parent and to the defining module.
    pub(crate) fn edges(&self) -> BTreeSet<Edge> {
        let mut edges = BTreeSet::new();
        for (from, module) in &self.modules {
            for path in module.references.paths() {
                let Some(found) = self.resolve(&path, 0) else {
                    continue;
                };
                let parents = found.reexported_by.iter();
                let parents = parents.filter(|by| by.is_ancestor_of(from));
                for to in parents.chain([&found.module]) {
                    if to != from && !to.0.is_empty() {
                        edges.insert(Edge {
                            from: from.clone(),
                            to: to.clone(),
                            path: path.join("::"),
                        });
                    }
                }
            }
        }
        edges
    }

    /// Finds the module that defines what a path names; `None` if the path ends in a module that
    /// the importing code only uses as a prefix.
    fn resolve(&self, path: &[String], depth: usize) -> Option<Resolved> {
        assert!(depth < 16, "re-exports of {path:?} do not end");
        let mut module = ModulePath::default();
        let mut rest = path;
        while let Some((first, after)) = rest.split_first() {
            let child = module.child(first);
            if !self.modules.contains_key(&child) {
                break;
            }
            (module, rest) = (child, after);
        }
        let (name, after) = rest.split_first()?;
        let references = &self.modules[&module].references;
        let named = references.imports.get(name).filter(|import| import.public);
        let named = named.map(|import| [import.path.as_slice(), after].concat());
        let through_glob = || {
            let mut globs = references.glob_reexports.iter();
            globs.find_map(|glob| {
                let path = [glob.as_slice(), rest].concat();
                self.defines(glob, name).then_some(path)
            })
        };
        let found = match named.or_else(through_glob) {
            Some(path) => self.resolve(&path, depth + 1),
            None => None,
        };
        Some(match found {
            Some(mut found) => {
                found.reexported_by.push(module);
                found
            }
            None => Resolved {
                module,
                reexported_by: Vec::new(),
            },
        })
    }

    fn defines(&self, module: &[String], name: &str) -> bool {
        let module = self.modules.get(&ModulePath(module.to_vec()));
        module.is_some_and(|module| {
            let import = module.references.imports.get(name);
            module.references.items.contains(name) || import.is_some_and(|import| import.public)
        })
    }
}

/// Where an item is defined, and the modules that re-export it on the path to it.
struct Resolved {
    module: ModulePath,
    reexported_by: Vec<ModulePath>,
}

/// Returns the groups of modules that depend on each other, each with the edges between them.
pub(crate) fn circles(edges: &BTreeSet<Edge>) -> Vec<Vec<&Edge>> {
    let modules: BTreeSet<&ModulePath> = edges
        .iter()
        .flat_map(|edge| [&edge.from, &edge.to])
        .collect();
    let number: BTreeMap<&ModulePath, usize> = modules.into_iter().zip(0..).collect();
    let mut next = vec![BTreeSet::new(); number.len()];
    for edge in edges {
        next[number[&edge.from]].insert(number[&edge.to]);
    }
    let reachable: Vec<Vec<bool>> = (0..next.len()).map(|from| reachable(&next, from)).collect();
    let mut groups: BTreeMap<usize, Vec<&Edge>> = BTreeMap::new();
    for edge in edges {
        let (from, to) = (number[&edge.from], number[&edge.to]);
        if reachable[to][from] {
            let first =
                (0..next.len()).find(|other| reachable[from][*other] && reachable[*other][from]);
            groups.entry(first.unwrap_or(from)).or_default().push(edge);
        }
    }
    groups.into_values().collect()
}

/// Returns for each module whether it can be reached from this one.
fn reachable(next: &[BTreeSet<usize>], from: usize) -> Vec<bool> {
    let mut reached = vec![false; next.len()];
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for to in &next[module] {
            if !reached[*to] {
                reached[*to] = true;
                open.push(*to);
            }
        }
    }
    reached
}
