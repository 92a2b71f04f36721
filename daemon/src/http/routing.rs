//! Routes with what each method of theirs needs: there is no other way to add one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use http::Method;

use super::door::Door;
use crate::auth::Needed;

/// What every method of every route needs, by route.
pub(crate) type Table = BTreeMap<String, Vec<(Method, Needed)>>;

/// The methods of one route.
#[derive(Clone, Default)]
pub(crate) struct Methods {
    router: MethodRouter<Door>,
    needs: Vec<(Method, Needed)>,
}

macro_rules! methods {
    ($($name:ident $filter:ident),*) => {
        $(
            /// A route of this method.
            pub(crate) fn $name<H: Handler<T, Door>, T: 'static>(needed: Needed, handler: H) -> Methods {
                Methods::default().$name(needed, handler)
            }
        )*

        impl Methods {
            $(
                /// And this method.
                pub(crate) fn $name<H: Handler<T, Door>, T: 'static>(
                    mut self,
                    needed: Needed,
                    handler: H,
                ) -> Self {
                    self.needs.push((Method::$filter, needed));
                    Self { router: self.router.on(MethodFilter::$filter, handler), needs: self.needs }
                }
            )*
        }
    };
}

methods!(get GET, head HEAD, post POST, put PUT);

impl Methods {
    /// And `PATCH`.
    pub(crate) fn patch<H: Handler<T, Door>, T: 'static>(mut self, needed: Needed, handler: H) -> Self {
        self.needs.push((Method::PATCH, needed));
        Self { router: self.router.patch(handler), needs: self.needs }
    }

    /// And `DELETE`.
    pub(crate) fn delete<H: Handler<T, Door>, T: 'static>(mut self, needed: Needed, handler: H) -> Self {
        self.needs.push((Method::DELETE, needed));
        Self { router: self.router.delete(handler), needs: self.needs }
    }

    /// And `OPTIONS`, which is open: a browser's preflight carries no credentials.
    pub(crate) fn options<H: Handler<T, Door>, T: 'static>(mut self, handler: H) -> Self {
        self.needs.push((Method::OPTIONS, Needed::Open));
        Self { router: self.router.options(handler), needs: self.needs }
    }
}

/// Routes, and what they need.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Door>,
    table: Table,
}

impl Routes {
    /// One more route.
    pub(crate) fn route(mut self, path: &str, methods: Methods) -> Self {
        self.table.insert(path.to_owned(), methods.needs);
        Self { router: self.router.route(path, methods.router), table: self.table }
    }

    /// All of these too.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.table.extend(other.table);
        Self { router: self.router.merge(other.router), table: self.table }
    }

    /// The same routes within layers of their own.
    pub(crate) fn within(self, wrap: impl FnOnce(Router<Door>) -> Router<Door>) -> Self {
        Self { router: wrap(self.router), table: self.table }
    }

    /// The router, and what its routes need.
    pub(crate) fn split(self) -> (Router<Door>, Arc<Table>) {
        (self.router, Arc::new(self.table))
    }
}

/// What a method of a route needs: what stands beside it. `HEAD` needs what `GET` does where it has no row of its own;
/// `OPTIONS` is open. Where there is no such route or method, whoever has no right at all is not told so.
pub(crate) fn needed(table: &Table, route: Option<&str>, method: &Method) -> Needed {
    if *method == Method::OPTIONS {
        return Needed::Open;
    }
    let rows = route.and_then(|route| table.get(route)).map(Vec::as_slice).unwrap_or_default();
    let of = |wanted: &Method| rows.iter().find(|(method, _)| method == wanted).map(|(_, needed)| *needed);
    let as_get = || (*method == Method::HEAD).then(|| of(&Method::GET)).flatten();
    of(method).or_else(as_get).unwrap_or(Needed::Either)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_needs_what_stands_beside_it() {
        let rows = vec![(Method::GET, Needed::Read), (Method::PUT, Needed::Write)];
        let table = Table::from([("/f".to_owned(), rows)]);
        let of = |route, method| needed(&table, route, &method);
        assert_eq!(of(Some("/f"), Method::GET), Needed::Read);
        assert_eq!(of(Some("/f"), Method::HEAD), Needed::Read);
        assert_eq!(of(Some("/f"), Method::PUT), Needed::Write);
        assert_eq!(of(Some("/f"), Method::OPTIONS), Needed::Open);
        assert_eq!(of(Some("/f"), Method::DELETE), Needed::Either);
        assert_eq!(of(Some("/g"), Method::GET), Needed::Either);
        assert_eq!(of(None, Method::GET), Needed::Either);
    }
}
