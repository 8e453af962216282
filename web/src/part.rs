//! The parts that the page is made of, and the one component of Yew's that carries them all: each component that Yew
//! knows by name is a scheduler's, a reconciler's and a message queue's code once more, and that is sent to everybody.
use std::any::Any;
use std::marker::PhantomData;
use std::rc::Rc;

use yew::callback::Callback;
use yew::html::Scope;
use yew::virtual_dom::{Key, VComp};
use yew::{Component, Html, Properties};

/// A part of the page with props, and a state where it needs one: what [`yew::Component`] is, under the same names.
pub(crate) trait Part: Sized + 'static {
    /// What it tells itself.
    type Message: 'static;
    /// What it gets from whoever shows it. Equal ones draw nothing.
    type Props: PartialEq + 'static;

    /// It is shown for the first time.
    fn create(ctx: &Context<Self>) -> Self;

    /// It has told itself something; true when it has to be drawn anew.
    fn update(&mut self, _ctx: &Context<Self>, _message: Self::Message) -> bool {
        true
    }

    /// It got other props than these; true when it has to be drawn anew.
    fn changed(&mut self, _ctx: &Context<Self>, _old: &Self::Props) -> bool {
        true
    }

    /// How it looks.
    fn view(&self, ctx: &Context<Self>) -> Html;

    /// What it looks like is in the document now.
    fn rendered(&mut self, _ctx: &Context<Self>, _first_render: bool) {}

    /// It goes away.
    fn destroy(&mut self, _ctx: &Context<Self>) {}
}

/// What a part knows of where it is.
pub(crate) struct Context<P: Part> {
    props: Rc<PropsOf<P>>,
    link: Link<P>,
}

impl<P: Part> Context<P> {
    pub(crate) fn props(&self) -> &P::Props {
        &self.props.0
    }

    pub(crate) const fn link(&self) -> &Link<P> {
        &self.link
    }
}

/// Where a part tells itself something. Says nothing any more once the part is gone.
pub(crate) struct Link<P> {
    scope: Scope<Host>,
    part: PhantomData<fn(P)>,
}

impl<P> Clone for Link<P> {
    fn clone(&self) -> Self {
        Self { scope: self.scope.clone(), part: PhantomData }
    }
}

impl<P: Part> Link<P> {
    pub(crate) fn send_message(&self, message: P::Message) {
        self.scope.send_message(Box::new(message) as Box<dyn Any>);
    }

    /// A callback that tells the part what comes of it.
    pub(crate) fn callback<In: 'static>(
        &self,
        message: impl Fn(In) -> P::Message + 'static,
    ) -> Callback<In> {
        self.batch_callback(move |value| Some(message(value)))
    }

    /// The same, where nothing may come of it.
    pub(crate) fn batch_callback<In: 'static>(
        &self,
        message: impl Fn(In) -> Option<P::Message> + 'static,
    ) -> Callback<In> {
        let link = self.clone();
        Callback::from(move |value| {
            if let Some(message) = message(value) {
                link.send_message(message);
            }
        })
    }
}

/// Shows a part.
pub(crate) fn part<P: Part>(props: P::Props) -> Html {
    carried(carry::<P>(props), None)
}

/// Shows a part that is told from others beside it by this key.
pub(crate) fn keyed<P: Part>(key: impl Into<Key>, props: P::Props) -> Html {
    carried(carry::<P>(props), Some(key.into()))
}

/// What the component that carries a part needs, for the part that is the whole page.
pub(crate) fn carry<P: Part>(props: P::Props) -> Carried {
    Carried { props: Rc::new(PropsOf::<P>(props)) }
}

fn carried(props: Carried, key: Option<Key>) -> Html {
    VComp::new::<Host>(Rc::new(props), key).into()
}

/// Props of any part.
#[derive(Properties)]
pub(crate) struct Carried {
    props: Rc<dyn AnyProps>,
}

impl PartialEq for Carried {
    fn eq(&self, other: &Self) -> bool {
        self.props.equals(&*other.props)
    }
}

/// The component that carries any part.
pub(crate) struct Host {
    shown: Box<dyn Shown>,
    /// Whether the part has not been in the document yet.
    is_new: bool,
}

impl Component for Host {
    type Message = Box<dyn Any>;
    type Properties = Carried;

    fn create(ctx: &yew::Context<Self>) -> Self {
        Self { shown: Rc::clone(&ctx.props().props).show(ctx.link().clone()), is_new: true }
    }

    fn update(&mut self, _ctx: &yew::Context<Self>, message: Box<dyn Any>) -> bool {
        self.shown.update(message)
    }

    fn changed(&mut self, ctx: &yew::Context<Self>, _old: &Carried) -> bool {
        let props = &ctx.props().props;
        if let Some(draws) = self.shown.changed(Rc::clone(props)) {
            return draws;
        }
        self.shown.destroy();
        *self = Self::create(ctx);
        true
    }

    fn view(&self, _ctx: &yew::Context<Self>) -> Html {
        self.shown.view()
    }

    fn rendered(&mut self, _ctx: &yew::Context<Self>, _first_render: bool) {
        self.shown.rendered(std::mem::replace(&mut self.is_new, false));
    }

    fn destroy(&mut self, _ctx: &yew::Context<Self>) {
        self.shown.destroy();
    }
}

/// Props of which the part's type is forgotten.
trait AnyProps: Any {
    fn equals(&self, other: &dyn AnyProps) -> bool;
    fn show(self: Rc<Self>, scope: Scope<Host>) -> Box<dyn Shown>;
}

/// Props of a part: two parts may have props of one type.
struct PropsOf<P: Part>(P::Props);

impl<P: Part> AnyProps for PropsOf<P> {
    fn equals(&self, other: &dyn AnyProps) -> bool {
        (other as &dyn Any).downcast_ref::<Self>().is_some_and(|other| self.0 == other.0)
    }

    fn show(self: Rc<Self>, scope: Scope<Host>) -> Box<dyn Shown> {
        let context = Context { props: self, link: Link { scope, part: PhantomData } };
        Box::new(Running::<P> { part: P::create(&context), context })
    }
}

/// A part that is shown, of which the type is forgotten.
trait Shown {
    fn update(&mut self, message: Box<dyn Any>) -> bool;
    /// Nothing where these are props of another part.
    fn changed(&mut self, props: Rc<dyn AnyProps>) -> Option<bool>;
    fn view(&self) -> Html;
    fn rendered(&mut self, first_render: bool);
    fn destroy(&mut self);
}

struct Running<P: Part> {
    part: P,
    context: Context<P>,
}

impl<P: Part> Shown for Running<P> {
    fn update(&mut self, message: Box<dyn Any>) -> bool {
        // one that was for the part before, in the same place, is nobody's
        message.downcast().is_ok_and(|message| self.part.update(&self.context, *message))
    }

    fn changed(&mut self, props: Rc<dyn AnyProps>) -> Option<bool> {
        let props = Rc::downcast::<PropsOf<P>>(props as Rc<dyn Any>).ok()?;
        let old = std::mem::replace(&mut self.context.props, props);
        Some(self.part.changed(&self.context, &old.0))
    }

    fn view(&self) -> Html {
        self.part.view(&self.context)
    }

    fn rendered(&mut self, first_render: bool) {
        self.part.rendered(&self.context, first_render);
    }

    fn destroy(&mut self) {
        self.part.destroy(&self.context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counted;
    struct Named;

    impl Part for Counted {
        type Message = ();
        type Props = u8;

        fn create(_ctx: &Context<Self>) -> Self {
            Self
        }

        fn view(&self, _ctx: &Context<Self>) -> Html {
            Html::default()
        }
    }

    impl Part for Named {
        type Message = ();
        type Props = u8;

        fn create(_ctx: &Context<Self>) -> Self {
            Self
        }

        fn view(&self, _ctx: &Context<Self>) -> Html {
            Html::default()
        }
    }

    #[test]
    fn props_are_equal_only_to_equal_ones_of_the_same_part() {
        assert!(carry::<Counted>(1) == carry::<Counted>(1));
        assert!(carry::<Counted>(1) != carry::<Counted>(2));
        assert!(carry::<Counted>(1) != carry::<Named>(1), "it would not be shown");
        assert!(part::<Counted>(1) == part::<Counted>(1));
        assert!(part::<Counted>(1) != keyed::<Counted>("key", 1));
    }
}
