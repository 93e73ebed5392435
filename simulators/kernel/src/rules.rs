/// Declares the decisions of a role: a trait whose default methods are the standard.
///
/// A mutant overrides one method; nothing else in a role knows that mutants exist. Beside the trait
/// the macro makes `NAMES`, the methods' names in order, and `Compared`, which puts every question to
/// rivals as well and remembers which of them would have decided otherwise. A rival that never did
/// would have behaved the same, so a mutant needs to run only the scenarios where it did. Facts have
/// to be `Clone` and decisions `PartialEq` for that.
///
/// ```
/// twinproof_kernel::rules! {
///     /// What a gate decides.
///     pub mod gate {
///         /// Whether somebody of this age may pass.
///         fn may_pass(&self, age: u32) -> bool {
///             age >= 18
///         }
///     }
/// }
///
/// struct Anybody;
/// impl gate::Rules for Anybody {
///     fn may_pass(&self, _age: u32) -> bool {
///         true
///     }
/// }
///
/// let rival = gate::Rival { name: "anybody", overrides: &["may_pass"], rules: std::sync::Arc::new(Anybody) };
/// let compared = gate::Compared::new(std::sync::Arc::new(gate::Standard), [rival].into());
/// assert!(gate::Rules::may_pass(&compared, 20));
/// assert!(compared.differing().is_empty());
/// assert!(!gate::Rules::may_pass(&compared, 3));
/// assert_eq!(compared.differing(), ["anybody"]);
/// ```
#[macro_export]
macro_rules! rules {
    (
        $(#[$mod_doc:meta])*
        pub mod $module:ident {
            $( use $path:path; )*
            $(
                $(#[$doc:meta])*
                fn $name:ident(&self $(, $arg:ident: $ty:ty)* $(,)?) -> $ret:ty $body:block
            )+
        }
    ) => {
        $(#[$mod_doc])*
        pub mod $module {
            $( use $path; )*
            use std::collections::{BTreeMap, BTreeSet};
            use std::sync::{Arc, Mutex, PoisonError};

            /// The decisions; each default is what the standard asks for.
            pub trait Rules: Send + Sync {
                $( $(#[$doc])* #[allow(unused_variables)] fn $name(&self $(, $arg: $ty)*) -> $ret $body )+
            }

            /// The names of all rules, in the order in which they are declared.
            pub const NAMES: &[&str] = &[$(stringify!($name)),+];

            /// The standard itself.
            #[derive(Clone, Copy, Debug, Default)]
            pub struct Standard;

            impl Rules for Standard {}

            /// Rules that are asked beside others.
            #[derive(Clone)]
            pub struct Rival {
                /// What they are called.
                pub name: &'static str,
                /// The methods in which they may differ; no other is asked.
                pub overrides: &'static [&'static str],
                /// The rules.
                pub rules: Arc<dyn Rules>,
            }

            /// Decides as `inner` does, and notes down which rivals would have decided otherwise.
            #[derive(Clone)]
            pub struct Compared {
                inner: Arc<dyn Rules>,
                rivals: Arc<[Rival]>,
                differing: Arc<Mutex<BTreeSet<&'static str>>>,
            }

            impl Compared {
                /// Rules that are decided by `inner` and compared with those of `rivals`.
                pub fn new(inner: Arc<dyn Rules>, rivals: Arc<[Rival]>) -> Self {
                    Self { inner, rivals, differing: Arc::default() }
                }

                /// The names of the rivals that differed so far, sorted.
                pub fn differing(&self) -> Vec<&'static str> {
                    self.differing.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
                }

                fn compare<T: PartialEq>(&self, method: &str, decide: impl Fn(&dyn Rules) -> T) -> T {
                    let decision = decide(&*self.inner);
                    let others = self.rivals.iter().filter(|rival| rival.overrides.contains(&method));
                    let differing = others.filter(|rival| decide(&*rival.rules) != decision);
                    let mut known = self.differing.lock().unwrap_or_else(PoisonError::into_inner);
                    known.extend(differing.map(|rival| rival.name));
                    drop(known);
                    decision
                }
            }

            /// Rules for one scenario after another, and, where they are compared with rivals, what that
            /// showed in each: scenarios are told apart by their seeds.
            pub struct Watched {
                rules: Arc<dyn Rules>,
                compared: Option<(Arc<[Rival]>, Mutex<BTreeMap<$crate::Seed, Compared>>)>,
            }

            impl Watched {
                /// Rules that are compared with none.
                pub fn new(rules: Arc<dyn Rules>) -> Self {
                    Self { rules, compared: None }
                }

                /// The same, compared with these.
                #[must_use]
                pub fn beside(self, rivals: Arc<[Rival]>) -> Self {
                    Self { compared: Some((rivals, Mutex::default())), ..self }
                }

                /// The rules for the scenario with this seed.
                pub fn for_scenario(&self, seed: $crate::Seed) -> Arc<dyn Rules> {
                    let Some((rivals, seen)) = &self.compared else {
                        return Arc::clone(&self.rules);
                    };
                    let compared = Compared::new(Arc::clone(&self.rules), Arc::clone(rivals));
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.insert(seed, compared.clone());
                    Arc::new(compared)
                }

                /// The rivals that differed so far in the scenario with this seed, sorted.
                pub fn differing(&self, seed: $crate::Seed) -> Vec<&'static str> {
                    let compared = self.compared.as_ref();
                    let seen = compared.map(|(_, seen)| seen.lock().unwrap_or_else(PoisonError::into_inner));
                    seen.and_then(|seen| seen.get(&seed).map(Compared::differing)).unwrap_or_default()
                }
            }

            impl Rules for Compared {
                $(
                    fn $name(&self $(, $arg: $ty)*) -> $ret {
                        self.compare(stringify!($name), |rules| rules.$name($($arg.clone()),*))
                    }
                )+
            }
        }
    };
}
