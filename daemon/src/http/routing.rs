//! Routes with what each method of theirs needs, and does: there is no other way to add one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use http::Method;

use super::door::Door;
use crate::audit::Deed;
use crate::auth::Needed;

/// What every method of every route needs and does, by route.
pub(crate) type Table = BTreeMap<String, Vec<(Method, Needed, Deed)>>;

/// The methods of one route.
#[derive(Clone, Default)]
pub(crate) struct Methods {
    router: MethodRouter<Door>,
    needs: Vec<(Method, Needed, Deed)>,
}

macro_rules! methods {
    ($($name:ident $filter:ident),*) => {
        $(
            /// A route of this method.
            pub(crate) fn $name<H: Handler<T, Door>, T: 'static>(
                needed: Needed,
                deed: Deed,
                handler: H,
            ) -> Methods {
                Methods::default().$name(needed, deed, handler)
            }
        )*

        impl Methods {
            $(
                /// And this method.
                pub(crate) fn $name<H: Handler<T, Door>, T: 'static>(
                    mut self,
                    needed: Needed,
                    deed: Deed,
                    handler: H,
                ) -> Self {
                    self.needs.push((Method::$filter, needed, deed));
                    Self { router: self.router.on(MethodFilter::$filter, handler), needs: self.needs }
                }
            )*
        }
    };
}

methods!(get GET, head HEAD, post POST, put PUT);

impl Methods {
    /// And `PATCH`.
    pub(crate) fn patch<H: Handler<T, Door>, T: 'static>(
        mut self,
        needed: Needed,
        deed: Deed,
        handler: H,
    ) -> Self {
        self.needs.push((Method::PATCH, needed, deed));
        Self { router: self.router.patch(handler), needs: self.needs }
    }

    /// And `DELETE`.
    pub(crate) fn delete<H: Handler<T, Door>, T: 'static>(
        mut self,
        needed: Needed,
        deed: Deed,
        handler: H,
    ) -> Self {
        self.needs.push((Method::DELETE, needed, deed));
        Self { router: self.router.delete(handler), needs: self.needs }
    }

    /// And `OPTIONS`, which is open: a browser's preflight carries no credentials.
    pub(crate) fn options<H: Handler<T, Door>, T: 'static>(mut self, handler: H) -> Self {
        self.needs.push((Method::OPTIONS, Needed::Open, Deed::Ask));
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
    row(table, route, method).map_or(Needed::Either, |(_, needed, _)| *needed)
}

/// What a method of a route does: what stands beside it. A `HEAD` only asks.
pub(crate) fn deed(table: &Table, route: Option<&str>, method: &Method) -> Deed {
    if *method == Method::HEAD {
        return Deed::Ask;
    }
    row(table, route, method).map_or(Deed::Ask, |(_, _, deed)| *deed)
}

fn row<'t>(table: &'t Table, route: Option<&str>, method: &Method) -> Option<&'t (Method, Needed, Deed)> {
    let rows = table.get(route?)?;
    let of = |wanted: &Method| rows.iter().find(|(method, ..)| method == wanted);
    of(method).or_else(|| (*method == Method::HEAD).then(|| of(&Method::GET)).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_needs_what_stands_beside_it() {
        let rows = vec![(Method::GET, Needed::Read, Deed::Read), (Method::PUT, Needed::Write, Deed::Write)];
        let table = Table::from([("/f".to_owned(), rows)]);
        let of = |route, method| needed(&table, route, &method);
        assert_eq!(of(Some("/f"), Method::GET), Needed::Read);
        assert_eq!(of(Some("/f"), Method::HEAD), Needed::Read);
        assert_eq!(of(Some("/f"), Method::PUT), Needed::Write);
        assert_eq!(of(Some("/f"), Method::OPTIONS), Needed::Open);
        assert_eq!(of(Some("/f"), Method::DELETE), Needed::Either);
        assert_eq!(of(Some("/g"), Method::GET), Needed::Either);
        assert_eq!(of(None, Method::GET), Needed::Either);
        let does = |route, method| deed(&table, route, &method);
        assert_eq!(does(Some("/f"), Method::GET), Deed::Read);
        assert_eq!(does(Some("/f"), Method::HEAD), Deed::Ask);
        assert_eq!(does(Some("/f"), Method::PUT), Deed::Write);
        assert_eq!(does(None, Method::PUT), Deed::Ask);
    }
}
