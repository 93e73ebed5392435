//! `cucumber`, under whose name the steps' crate knows this one.
//!
//! The attributes of `cucumber` make a type per step that knows the step's parameters, and with it a
//! copy of all that turns an expression into a regular expression: more than half of what the
//! compiler had to do for the steps. Their code reaches [`codegen::Expression`] by an absolute path,
//! so that here it finds one that asks through a reference, and there is one copy for all steps.

pub use cucumber::*;

/// What the code that the attributes write relies on.
pub mod codegen {
    pub use cucumber::codegen::*;

    /// A step's expression, for example `{part} requests an activation code`.
    #[derive(Debug)]
    pub enum Expression {}

    impl Expression {
        /// The regular expression that this step expression stands for.
        ///
        /// # Errors
        ///
        /// The expression is malformed or has a parameter that nobody knows.
        pub fn regex_with_parameters(
            expression: &'static str,
            provider: impl for<'s> ParametersProvider<Spanned<'s>, Item = char, Value = &'static str>,
        ) -> Result<Regex, String> {
            expand(expression, &provider)
        }
    }

    fn expand(expression: &'static str, provider: &dyn Provide) -> Result<Regex, String> {
        cucumber::codegen::Expression::regex_with_parameters(expression, Asked(provider))
            .map_err(|error| error.to_string())
    }

    trait Provide {
        fn provide(&self, name: &Spanned<'_>) -> Option<&'static str>;
    }

    impl<P> Provide for P
    where
        P: for<'s> ParametersProvider<Spanned<'s>, Item = char, Value = &'static str>,
    {
        fn provide(&self, name: &Spanned<'_>) -> Option<&'static str> {
            self.get(name)
        }
    }

    #[derive(Clone, Copy)]
    struct Asked<'p>(&'p dyn Provide);

    impl<'s> ParametersProvider<Spanned<'s>> for Asked<'_> {
        type Item = char;
        type Value = &'static str;

        fn get(&self, name: &Spanned<'s>) -> Option<Self::Value> {
            self.0.provide(name)
        }
    }
}
