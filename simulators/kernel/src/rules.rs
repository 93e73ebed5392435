/// Declares the decisions of a role: a trait whose default methods are the standard.
///
/// A mutant overrides one method; nothing else in a role knows that mutants exist. Beside the trait
/// the macro makes `NAMES`, the methods' names in order, and `Consulted`, which passes every question
/// on to other rules and remembers which were asked, so that a mutant needs to run only the
/// scenarios that can notice it.
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
/// let asked = gate::Consulted::new(std::sync::Arc::new(Anybody));
/// assert!(gate::Rules::may_pass(&asked, 3));
/// assert_eq!(asked.names(), ["may_pass"]);
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
            use std::collections::BTreeSet;
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

            /// Passes every question on and remembers which were asked.
            #[derive(Clone)]
            pub struct Consulted {
                inner: Arc<dyn Rules>,
                asked: Arc<Mutex<BTreeSet<&'static str>>>,
            }

            impl Consulted {
                /// Rules that are decided by `inner` and noted down.
                pub fn new(inner: Arc<dyn Rules>) -> Self {
                    Self { inner, asked: Arc::default() }
                }

                /// The names of the rules that were asked for so far, sorted.
                pub fn names(&self) -> Vec<&'static str> {
                    self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
                }

                fn ask(&self, name: &'static str) -> &dyn Rules {
                    self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
                    &*self.inner
                }
            }

            impl Rules for Consulted {
                $( fn $name(&self $(, $arg: $ty)*) -> $ret { self.ask(stringify!($name)).$name($($arg),*) } )+
            }
        }
    };
}
